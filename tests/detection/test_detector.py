"""Whole detectors: outputs, losses, gradients, inputs that do not fit."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from detection import Detector, LossConfig, TrainingError
from searchspaces import DetectorSpec

MakeSpec = Callable[..., DetectorSpec]
LOSSES = {
    "fpn": {"rpn_class", "rpn_box", "rcnn_class", "rcnn_box"},
    "retinanet": {"class", "box"},
}
INF, NAN = float("inf"), float("nan")
heads = pytest.mark.parametrize("head", ["fpn", "retinanet"])


def target(boxes: list[list[float]], labels: list[int]) -> dict[str, Tensor]:
    return {"boxes": torch.tensor(boxes).reshape(-1, 4), "labels": torch.tensor(labels).long()}


def batch() -> tuple[Tensor, list[dict[str, Tensor]]]:
    """Two images, one of them without objects."""
    targets = [target([[5, 5, 40, 30], [20, 10, 63, 63]], [0, 2]), target([], [])]
    return torch.randn(2, 3, 64, 64), targets


@heads
def test_it_detects(make_spec: MakeSpec, head: str) -> None:
    detector = Detector(make_spec(head)).eval()
    with torch.no_grad():
        boxes, scores, labels, count = detector(torch.randn(2, 3, 64, 64))
    assert (boxes.shape, scores.shape, labels.shape) == ((2, 100, 4), (2, 100), (2, 100))
    assert (labels.dtype, count.dtype, count.shape) == (torch.int64, torch.int64, (2,))


@heads
def test_losses_reach_every_parameter(make_spec: MakeSpec, head: str) -> None:
    detector = Detector(make_spec(head))
    losses = detector.losses(*batch())
    assert losses.keys() == LOSSES[head]
    assert all(loss.shape == () and bool(loss > 0) for loss in losses.values())
    torch.stack(list(losses.values())).sum().backward()
    silent = [name for name, p in detector.named_parameters() if p.grad is None]
    assert not silent
    assert all(bool(p.grad.isfinite().all()) for p in detector.parameters() if p.grad is not None)


@heads
def test_images_without_objects_teach_background_alone(make_spec: MakeSpec, head: str) -> None:
    detector = Detector(make_spec(head))
    images = torch.randn(2, 3, 64, 64)
    losses = detector.losses(images, [target([], [])] * 2)
    torch.stack(list(losses.values())).sum().backward()
    assert all((value == 0) == name.endswith("box") for name, value in losses.items())
    assert all(p.grad is not None for p in detector.parameters())


@heads
def test_equal_generators_give_equal_losses(make_spec: MakeSpec, head: str) -> None:
    detector = Detector(make_spec(head)).eval()
    images, targets = batch()
    before = torch.get_rng_state()

    def losses(seed: int | None) -> list[float]:
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        return [float(v.detach()) for v in detector.losses(images, targets, generator).values()]

    assert losses(5) == losses(5)
    assert losses(None) == losses(0)
    assert head == "retinanet" or losses(5) != losses(6)
    assert torch.equal(torch.get_rng_state(), before)


@heads
def test_boxes_without_area_are_left_out(make_spec: MakeSpec, head: str) -> None:
    detector = Detector(make_spec(head)).eval()
    images = torch.randn(1, 3, 64, 64)
    good = detector.losses(images, [target([[5, 5, 40, 30]], [1])])
    flat = detector.losses(images, [target([[5, 5, 40, 30], [9, 9, 9, 20]], [1, 0])])
    assert {k: float(v.detach()) for k, v in good.items()} == {
        k: float(v.detach()) for k, v in flat.items()
    }


def test_boxes_that_rounding_moved_are_taken(make_spec: MakeSpec) -> None:
    detector, images = Detector(make_spec("fpn")).eval(), torch.randn(1, 3, 64, 64)
    losses = detector.losses(images, [target([[-1e-5, 5, 64.00001, 30]], [1])])
    assert all(bool(loss.isfinite()) for loss in losses.values())


@pytest.mark.parametrize(
    ("images", "targets", "message"),
    [
        ((1, 3, 32, 64), [target([], [])], r"\(b, 3, 64, 64\), .* got \(1, 3, 32, 64\)"),
        ((1, 1, 64, 64), [target([], [])], r"got \(1, 1, 64, 64\)"),
        ((0, 3, 64, 64), [], r"b at least 1, got \(0, 3, 64, 64\)"),
        ((2, 3, 64, 64), [target([], [])], "1 targets for 2 images"),
        ((1, 3, 64, 64), [target([[0, 0, 9, 9]], [3])], r"0\.\.2, got 3\.\.3"),
        ((1, 3, 64, 64), [target([[0, 0, 9, 9]], [-1])], r"0\.\.2, got -1"),
        ((1, 3, 64, 64), [target([[0, 0, 9, 9]], [0, 1])], r"got \(1, 4\) and \(2,\)"),
        ((1, 3, 64, 64), [{"boxes": [[0, 0, 9, 9]], "labels": 0}], r"got \(1, 4\) and \(\)"),
        ((1, 3, 64, 64), [{"boxes": [[0, 0, 9, 9]], "labels": [[0]]}], r"and \(1, 1\)"),
        ((1, 3, 64, 64), [{"boxes": [[0, 0, 9, 9]]}], r"lacks labels; it has \['boxes'\]"),
        ((1, 3, 64, 64), [target([[0, 0, 9, 65]], [0])], r"64x64 image, got \[0.0, 0.0, 9.0, 65"),
        ((1, 3, 64, 64), [target([[0, 0, 9, 9], [-1, 0, 9, 9]], [0, 0])], r"got \[-1.0, "),
        ((1, 3, 64, 64), [target([[0, 0, INF, 9]], [0])], r"got \[0.0, 0.0, inf"),
        ((1, 3, 64, 64), [target([[0, NAN, 9, 9]], [0])], r"got \[0.0, nan"),
    ],
)
def test_what_does_not_fit_is_refused(
    make_spec: MakeSpec, images: tuple[int, ...], targets: list[Any], message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        Detector(make_spec("retinanet")).losses(torch.zeros(images), targets)


def test_few_proposals_mean_few_samples(make_spec: MakeSpec) -> None:
    spec = make_spec("fpn")
    assert Detector(spec).loss_config.roi_samples == 100
    assert Detector(spec, loss_config=LossConfig(roi_samples=7)).loss_config.roi_samples == 7
