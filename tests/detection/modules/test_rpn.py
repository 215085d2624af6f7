"""Proposals against torchvision's own selection."""

import pytest
import torch
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import clip_boxes_to_image, nms

from detection import build_module
from searchspaces import ModuleSpec, TensorSpec

SIZES = ((8, 10), (4, 5), (2, 3))


def make_spec(pre_nms: int, post_nms: int, batch: int = 2) -> ModuleSpec:
    anchors = 3 * sum(h * w for h, w in SIZES)
    return ModuleSpec.of(
        "proposals",
        [TensorSpec((batch, anchors)), TensorSpec((batch, anchors, 4))],
        batch=batch,
        image_h=64,
        image_w=80,
        strides="8:16:32",
        heights="8:4:2",
        widths="10:5:3",
        anchor_scales="4",
        ratios="0.5:1:2",
        pre_nms=pre_nms,
        post_nms=post_nms,
        nms_iou=0.7,
    )


def reference(module, logits, deltas, pre_nms, post_nms):  # type: ignore[no-untyped-def]
    """Select as torchvision's RegionProposalNetwork.filter_proposals does, for one image."""
    boxes, scores, start = [], [], 0
    for height, width in SIZES:
        stop = start + 3 * height * width
        best = logits[start:stop].topk(min(pre_nms, stop - start)).indices + start
        coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
        found = clip_boxes_to_image(
            coder.decode_single(deltas[best], module.anchors[best]), (64, 80)
        )
        large = ((found[:, 2:] - found[:, :2]) >= 0.01).all(1)
        found, score = found[large], logits[best][large].sigmoid()
        kept = nms(found, score, 0.7)
        boxes.append(found[kept])
        scores.append(score[kept])
        start = stop
    order = torch.cat(scores).argsort(descending=True)[:post_nms]
    return torch.cat(boxes)[order]


@pytest.mark.parametrize(("pre_nms", "post_nms"), [(20, 30), (1000, 10), (5, 100)])
@pytest.mark.parametrize("spread", [0.1, 1.0])
def test_proposals_equal_torchvisions(pre_nms: int, post_nms: int, spread: float) -> None:
    spec = make_spec(pre_nms, post_nms)
    module = build_module(spec)
    logits, deltas = torch.randn(spec.inputs[0].shape), torch.randn(spec.inputs[1].shape) * spread
    boxes, count = module(logits, deltas)
    for image in range(2):
        expected = reference(module, logits[image], deltas[image], pre_nms, post_nms)
        assert int(count[image]) == len(expected)
        torch.testing.assert_close(boxes[image, : len(expected)], expected, rtol=1e-5, atol=1e-3)
        assert not boxes[image, len(expected) :].any()


def test_boxes_without_area_are_no_proposals() -> None:
    spec = make_spec(50, 50, batch=1)
    deltas = torch.zeros(spec.inputs[1].shape)
    deltas[..., 0] = 1e3  # far to the right: clipped to nothing
    boxes, count = build_module(spec)(torch.randn(spec.inputs[0].shape), deltas)
    assert int(count) == 0
    assert not boxes.any()


def test_the_head_orders_anchors_as_the_anchors_are_ordered() -> None:
    levels = [TensorSpec((1, 4, 2, 3)), TensorSpec((1, 4, 1, 2))]
    head = build_module(ModuleSpec.of("rpn_head", levels, channels=4, num_anchors=3))
    maps = [torch.randn(t.shape) for t in levels]
    logits, deltas = head(*maps)
    hidden = torch.relu(head.get_submodule("conv")(maps[0]))
    objectness = head.get_submodule("objectness")(hidden)
    regression = head.get_submodule("deltas")(hidden)
    y, x, anchor = 1, 2, 2
    row = (y * 3 + x) * 3 + anchor
    assert torch.equal(logits[0, row], objectness[0, anchor, y, x])
    assert torch.equal(deltas[0, row], regression[0, 4 * anchor : 4 * anchor + 4, y, x])
