"""Statistics: exact, independent of order and of what was scored before."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from detection import Detector, Supernet, TrainingError, recalibrate_bn, score_path
from searchspaces import DetectorSpec, DetNasSpace, RetinaNetHead

MakeSpace = Callable[..., DetNasSpace]
MakeSpec = Callable[..., DetectorSpec]
heads = pytest.mark.parametrize("head", ["fpn", "retinanet"])


def batches(count: int = 3, size: int = 2) -> list[Tensor]:
    generator = torch.Generator().manual_seed(2)
    return [torch.randn(size, 3, 64, 64, generator=generator) * (i + 1) + i for i in range(count)]


def statistics(detector: nn.Module) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in detector.named_buffers() if "running" in k}


@heads
def test_the_first_layer_has_the_moments_of_all_its_values(make_spec: MakeSpec, head: str) -> None:
    detector = Detector(make_spec(head))
    recalibrate_bn(detector, batches())
    convolution, layer = detector.nodes["backbone_stem"][0], detector.nodes["backbone_stem"][1]
    with torch.no_grad():
        seen = torch.cat([convolution(images) for images in batches()]).transpose(0, 1).flatten(1)
    torch.testing.assert_close(layer.running_mean, seen.mean(1), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(layer.running_var, seen.var(1), rtol=1e-5, atol=1e-5)


@heads
def test_order_does_not_matter(make_spec: MakeSpec, head: str) -> None:
    detector = Detector(make_spec(head))
    recalibrate_bn(detector, batches())
    first = statistics(detector)
    recalibrate_bn(detector, batches()[::-1])
    for name, value in statistics(detector).items():
        torch.testing.assert_close(value, first[name], rtol=1e-5, atol=1e-6)


@heads
def test_what_was_there_before_does_not_matter_and_the_rest_stays(
    make_spec: MakeSpec, head: str
) -> None:
    detector = Detector(make_spec(head)).train()
    detector.nodes["neck"].eval()
    recalibrate_bn(detector, batches())
    first, modes = statistics(detector), [m.training for m in detector.modules()]
    weights = {k: v.clone() for k, v in detector.named_parameters()}
    for name, buffer in detector.named_buffers():
        if "running" in name:
            buffer.fill_(float("nan"))
    layer = detector.nodes["backbone_stem"][1]
    layer.momentum = 0.37
    recalibrate_bn(detector, batches())
    assert all(torch.equal(v, first[k]) for k, v in statistics(detector).items())
    assert all(torch.equal(v, weights[k]) for k, v in detector.named_parameters())
    assert [m.training for m in detector.modules()] == modes
    assert layer.momentum == 0.37
    assert not layer._forward_hooks
    assert all(p.grad is None for p in detector.parameters())


def test_a_layer_used_on_several_levels_averages_over_them(make_spec: MakeSpec) -> None:
    spec = make_spec("retinanet")
    assert isinstance(spec.head, RetinaNetHead)
    detector = Detector(replace(spec, head=replace(spec.head, norm="bn")))
    seen: list[Tensor] = []
    convolution, layer, _ = (
        detector.nodes["retinanet_head"].get_submodule("class_tower.0").children()
    )
    handle = convolution.register_forward_hook(lambda *args: seen.append(args[2]))
    recalibrate_bn(detector, batches(1))
    handle.remove()
    assert len(seen) == 5
    values = torch.cat([x.transpose(0, 1).flatten(1) for x in seen], 1)
    torch.testing.assert_close(layer.running_mean, values.mean(1), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(layer.running_var, values.var(1), rtol=1e-5, atol=1e-6)


def test_padded_proposals_do_not_count(make_spec: MakeSpec) -> None:
    detector = Detector(make_spec("fpn"))
    rows: list[int] = []
    detector.nodes["box_head"].register_forward_hook(lambda *args: rows.append(len(args[1][0])))
    counts: list[int] = []
    detector.nodes["proposals"].register_forward_hook(
        lambda *args: counts.append(int(args[2][1].sum()))
    )
    detector.nodes["proposals"].iou = 0.05  # type: ignore[assignment]  # leaves few proposals
    recalibrate_bn(detector, batches(1))
    assert rows == counts
    assert rows[0] < 2 * 100


def test_no_batches_is_an_error_that_changes_nothing(make_spec: MakeSpec) -> None:
    detector = Detector(make_spec("retinanet"))
    before = statistics(detector)
    with pytest.raises(TrainingError, match="at least one batch"):
        recalibrate_bn(detector, [])
    assert all(torch.equal(v, before[k]) for k, v in statistics(detector).items())


def test_layers_that_run_on_boxes_need_a_box(make_spec: MakeSpec) -> None:
    detector = Detector(make_spec("fpn"))
    with torch.no_grad():
        detector.nodes["rpn_head"].get_parameter("deltas.bias").fill_(-1e4)  # boxes off the image
    before = statistics(detector)
    with pytest.raises(TrainingError, match=r"saw no values; .* and a box in one of them"):
        recalibrate_bn(detector, batches(1))
    assert all(torch.equal(v, before[k]) for k, v in statistics(detector).items())


@heads
def test_scoring_a_b_a_gives_as_score_twice(make_space: MakeSpace, head: str) -> None:
    space = make_space(head)
    supernet = Supernet(space)
    rng = np.random.default_rng(0)
    a, b = space.sample(rng), space.sample(rng)
    image = torch.randn(1, 3, 64, 64)
    before = {k: v.clone() for k, v in supernet.state_dict().items()}

    def score(detector: Detector) -> float:
        assert not detector.training
        with torch.no_grad():
            return float(detector.run({"image": image}, ["neck"])[0].abs().sum())

    scores = [score_path(supernet, arch, batches(2), score) for arch in (a, b, a)]
    assert scores[0] == scores[2] != scores[1]
    assert all(torch.equal(v, before[k]) for k, v in supernet.state_dict().items())
