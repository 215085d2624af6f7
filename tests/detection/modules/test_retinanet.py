"""RetinaNet's detections against sorting all pairs, and its head's order and prior."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import batched_nms, clip_boxes_to_image

from detection import build_module
from searchspaces import ModuleSpec, TensorSpec

SIZES = ((6, 8), (3, 4))


def make_spec(classes: int, pre_nms: int, threshold: float) -> ModuleSpec:
    anchors = 6 * sum(h * w for h, w in SIZES)
    return ModuleSpec.of(
        "retinanet_detections",
        [TensorSpec((2, anchors, classes)), TensorSpec((2, anchors, 4))],
        batch=2,
        image_h=48,
        image_w=64,
        strides="8:16",
        heights="6:3",
        widths="8:4",
        anchor_scales="2:2.8",
        ratios="0.5:1:2",
        num_classes=classes,
        score_threshold=threshold,
        nms_iou=0.5,
        max_detections=50,
        pre_nms=pre_nms,
    )


@pytest.mark.parametrize("classes", [1, 5])
@pytest.mark.parametrize("pre_nms", [10, 100, 5000])
@pytest.mark.parametrize("threshold", [0.05, 0.9])
def test_detections_equal_sorting_all_pairs(classes: int, pre_nms: int, threshold: float) -> None:
    spec = make_spec(classes, pre_nms, threshold)
    module = build_module(spec)
    logits, deltas = torch.randn(spec.inputs[0].shape), torch.randn(spec.inputs[1].shape) * 0.3
    found = module(logits, deltas)
    anchors, coder = module.get_buffer("anchors"), BoxCoder((1.0, 1.0, 1.0, 1.0))
    for image in range(2):
        pairs, start = [], 0
        for height, width in SIZES:
            stop = start + 6 * height * width
            flat = logits[image, start:stop].flatten()
            best = flat.argsort(descending=True)[:pre_nms]
            pairs.append(best[flat[best].sigmoid() > threshold] + start * classes)
            start = stop
        chosen = torch.cat(pairs)
        row, label = chosen // classes, chosen % classes
        scores = logits[image].flatten()[chosen].sigmoid()
        boxes = coder.decode_single(deltas[image][row], anchors[row])
        boxes = clip_boxes_to_image(boxes, (48, 64))
        large = ((boxes[:, 2:] - boxes[:, :2]) >= 0.01).all(1)
        boxes, scores, label = boxes[large], scores[large], label[large]
        kept = batched_nms(boxes, scores, label, 0.5)[:50]
        assert int(found[3][image]) == len(kept)
        for mine, theirs in zip(found[:3], (boxes, scores, label), strict=True):
            torch.testing.assert_close(
                mine[image, : len(kept)], theirs[kept], rtol=1e-5, atol=1e-4
            )
            assert not mine[image, len(kept) :].any()


def test_an_untrained_head_expects_one_anchor_in_a_hundred() -> None:
    levels = [TensorSpec((1, 4, 3, 2))]
    spec = ModuleSpec.of(
        "retinanet_head",
        levels,
        in_channels=4,
        channels=4,
        num_convs=1,
        num_anchors=2,
        num_classes=3,
        norm="none",
    )
    logits, _ = build_module(spec)(torch.zeros(1, 4, 3, 2))
    assert logits.sigmoid().flatten().tolist() == pytest.approx([0.01] * 36)


@pytest.mark.parametrize("channels", [4, 7])
def test_the_head_orders_anchors_then_classes(channels: int) -> None:
    spec = ModuleSpec.of(
        "retinanet_head",
        [TensorSpec((1, 4, 3, 2))],
        in_channels=4,
        channels=channels,
        num_convs=1,
        num_anchors=2,
        num_classes=3,
        norm="none",
    )
    head, x = build_module(spec), torch.randn(1, 4, 3, 2)
    logits, deltas = head(x)
    classes = head.get_submodule("classes")(head.get_submodule("class_tower")(x))
    regression = head.get_submodule("deltas")(head.get_submodule("delta_tower")(x))
    y, column, anchor = 2, 1, 1
    row = (y * 2 + column) * 2 + anchor
    assert torch.equal(logits[0, row], classes[0, 3 * anchor : 3 * anchor + 3, y, column])
    assert torch.equal(deltas[0, row], regression[0, 4 * anchor : 4 * anchor + 4, y, column])


@pytest.mark.parametrize(("norm", "standardised"), [("bn", 0), ("gn", 0), ("gn_ws", 4)])
def test_towers_are_normed_and_predictors_are_not(norm: str, standardised: int) -> None:
    spec = ModuleSpec.of(
        "retinanet_head",
        [TensorSpec((1, 4, 3, 2))],
        in_channels=4,
        channels=8,
        num_convs=2,
        num_anchors=2,
        num_classes=3,
        norm=norm,
    )
    head = build_module(spec)
    assert sum(parametrize.is_parametrized(m) for m in head.modules()) == standardised
    norms = [m for m in head.modules() if isinstance(m, nn.BatchNorm2d | nn.GroupNorm)]
    assert [type(m) for m in norms] == [nn.BatchNorm2d if norm == "bn" else nn.GroupNorm] * 4
    for predictor in ("classes", "deltas"):
        assert not parametrize.is_parametrized(head.get_submodule(predictor))
    logits, _ = head(torch.zeros(1, 4, 3, 2))
    assert logits.sigmoid().flatten().tolist() == pytest.approx([0.01] * 36)


def test_a_head_without_convolutions_predicts_from_the_levels() -> None:
    spec = ModuleSpec.of(
        "retinanet_head",
        [TensorSpec((1, 4, 3, 2))],
        in_channels=4,
        channels=8,
        num_convs=0,
        num_anchors=2,
        num_classes=3,
        norm="none",
    )
    head, x = build_module(spec), torch.randn(1, 4, 3, 2)
    expected = head.get_submodule("deltas")(x).permute(0, 2, 3, 1).reshape(1, -1, 4)
    assert torch.equal(head(x)[1], expected)
