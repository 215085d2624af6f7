"""What every family of detectors must do: detect, be counted, learn, be recalibrated, export."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from detection import (
    Detector,
    GraphModel,
    MatchOptions,
    Preprocess,
    Supernet,
    detect_dataset,
    match_all,
    open_split,
    recalibrate_bn,
    run_engine,
    run_module,
    score_path,
)
from engines import TorchModel, get_backend
from searchspaces import Architecture, DetectorSpec, DetNasSpace
from tests.detection.test_export import (
    DYNAMO,
    TORCHSCRIPT,
    assert_same_detections,
    run_both,
    spread_boxes,
    to_onnx,
)
from tests.detection.variants import CLASSES, SIDE, VARIANTS

variants = pytest.mark.parametrize("name", VARIANTS)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def target(boxes: list[list[float]], labels: list[int]) -> dict[str, Tensor]:
    """Return objects whose masks fill their boxes."""
    masks = torch.zeros(len(boxes), SIDE, SIDE, dtype=torch.bool)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        mask[int(y1) : int(y2), int(x1) : int(x2)] = True
    return {
        "boxes": torch.tensor(boxes).reshape(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "masks": masks,
    }


def some_and_none() -> list[dict[str, Tensor]]:
    """Return objects of two images, one of them without."""
    return [target([[5.0, 5, 50, 40], [30, 20, 90, 90]], [0, CLASSES - 1]), target([], [])]


@variants
def test_it_detects_and_is_counted(name: str) -> None:
    spec = VARIANTS[name]
    detector = Detector(spec).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        boxes, scores, labels, count, *masks = detector(torch.randn(2, 3, SIDE, SIDE))
    assert (boxes.shape, scores.shape, labels.shape) == ((2, 100, 4), (2, 100), (2, 100))
    assert (labels.dtype, count.dtype, count.shape) == (torch.int64, torch.int64, (2,))
    assert len(masks) == len(spec.output_names) - 4
    assert counter.get_total_flops() == 2 * spec.macs(batch=2)["total"]
    assert sum(p.numel() for p in detector.parameters()) == spec.params()


@variants
def test_losses_reach_every_parameter(name: str) -> None:
    detector = Detector(VARIANTS[name])
    losses = detector.losses(torch.randn(2, 3, SIDE, SIDE), some_and_none())
    assert all(loss.shape == () and bool(loss.isfinite()) for loss in losses.values())
    torch.stack(list(losses.values())).sum().backward()
    gradients = {key: p.grad for key, p in detector.named_parameters()}
    assert not [key for key, gradient in gradients.items() if gradient is None]
    assert all(bool(g.isfinite().all()) for g in gradients.values() if g is not None)


@variants
def test_images_without_objects_give_finite_losses(name: str) -> None:
    detector = Detector(VARIANTS[name])
    losses = detector.losses(torch.randn(2, 3, SIDE, SIDE), [target([], [])] * 2)
    torch.stack(list(losses.values())).sum().backward()
    assert all(bool(loss.isfinite()) for loss in losses.values())
    for key, loss in losses.items():
        if "box" in key or "mask" in key:
            assert float(loss.detach()) == 0, key
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in detector.parameters())


@pytest.mark.parametrize("name", ["retinanet", "cascade_mask", "ga_rpn"])
def test_a_diverged_detector_says_so_and_finds_nothing(name: str) -> None:
    """Its boxes are no numbers; pooled, they would be read from beyond the maps."""
    detector = Detector(VARIANTS[name])
    with torch.no_grad():
        for parameter in detector.parameters():
            parameter.fill_(float("nan"))
        losses = detector.losses(torch.randn(2, 3, SIDE, SIDE), some_and_none())
        found = detector.eval()(torch.randn(2, 3, SIDE, SIDE))[:4]
    assert not all(bool(loss.isfinite()) for loss in losses.values())
    assert not any(bool(tensor.any()) for tensor in found)


@variants
def test_statistics_are_renewed_in_every_layer(name: str) -> None:
    detector = Detector(VARIANTS[name])
    layers = [m for m in detector.modules() if isinstance(m, nn.BatchNorm2d)]
    for layer in layers:
        layer.get_buffer("running_mean").fill_(float("nan"))
        layer.get_buffer("running_var").fill_(float("nan"))
    recalibrate_bn(detector, [torch.randn(2, 3, SIDE, SIDE) for _ in range(2)])
    assert all(bool(layer.get_buffer("running_mean").isfinite().all()) for layer in layers)
    assert all(bool(layer.get_buffer("running_var").isfinite().all()) for layer in layers)


@variants
@pytest.mark.parametrize(
    ("exporter", "batch"),
    [
        pytest.param(TORCHSCRIPT, 1, marks=pytest.mark.slow),
        (TORCHSCRIPT, 2),
        pytest.param(DYNAMO, 2, marks=pytest.mark.slow),
    ],
)
def test_it_exports_without_control_flow(name: str, exporter: str, batch: int) -> None:
    model = GraphModel(VARIANTS[name].graph(batch))
    module = model.torch_module()
    spread_boxes(module)
    mine, theirs = run_both(model, module, to_onnx(model, module, exporter))
    assert theirs[3].min() > 0
    assert_same_detections(mine, theirs)
    same = np.abs(mine[0] - theirs[0]).max(-1) <= 1e-2  # rows of equal scores may change places
    for left, right in zip(mine[4:], theirs[4:], strict=True):
        np.testing.assert_allclose(left[same], right[same], atol=1e-3)


@variants
def test_photographs_give_the_same_detections_in_onnxruntime(name: str, coco80: Path) -> None:
    spec = VARIANTS[name]
    photographs = open_split(coco80, "val", Preprocess(spec.input_hw)).first(8)
    model = GraphModel(spec.graph())
    module = model.torch_module()
    spread_boxes(module)
    mine = detect_dataset(run_module(module), photographs)
    exported = TorchModel(module, model.example_inputs(), model.output_names)
    with get_backend("onnxruntime").build(exported) as engine:
        theirs = detect_dataset(run_engine(engine), photographs)
    report = match_all(mine, theirs, MatchOptions(score_floor=0.05, top_d=100))
    assert min(report.n_a, report.n_b) >= 8
    assert report.matched_a >= 0.99 * report.n_a
    assert report.matched_b >= 0.99 * report.n_b


class Rebuilt:
    """A space whose detectors have another variant's neck, RPN and head."""

    def __init__(self, variant: str) -> None:
        self.inner = DetNasSpace("detnas-nano", "fpn", (SIDE, SIDE), CLASSES)
        self.variant = VARIANTS[variant]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def detector(self, arch: Architecture) -> DetectorSpec:
        return replace(self.variant, backbone=self.inner.detector(arch).backbone)


@pytest.mark.parametrize("name", ["cascade2", "c4_cascade"])
def test_a_supernet_holds_every_stage(name: str) -> None:
    space: Any = Rebuilt(name)
    supernet = Supernet(space)
    arch = space.sample(np.random.default_rng(0))
    path = supernet.detector(arch)
    losses = path.losses(torch.randn(2, 3, SIDE, SIDE), some_and_none())
    torch.stack(list(losses.values())).sum().backward()
    assert all(p.grad is not None for p in path.parameters())
    copies = [key for key in supernet.bank if key.startswith("roi_stage_1_")]
    last_stage = [key for key in supernet.bank if key.startswith("roi_stage_b")]
    assert len(copies) == len(last_stage) == (4 * 2 if name == "c4_cascade" else 0)
    images = [torch.randn(2, 3, SIDE, SIDE)]
    scored = score_path(supernet, arch, images, lambda detector: detector(images[0])[3].tolist())
    assert len(scored) == 2
