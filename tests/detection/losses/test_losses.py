"""The three losses against numbers worked out by hand and torchvision's own."""

import math

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation
from torchvision.models.detection._utils import BoxCoder

from detection.losses import LossConfig, Targets
from detection.losses.rcnn import RoiSample, rcnn_losses, refined, sample_rois
from detection.losses.retinanet import retinanet_losses
from detection.losses.rpn import rpn_losses
from detection.modules.rcnn import RefineBoxes
from searchspaces import ModuleSpec, TensorSpec

CONFIG = LossConfig()
NOTHING = Targets(torch.empty(0, 4), torch.empty(0, dtype=torch.int64))


def one(box: list[float], label: int) -> Targets:
    return Targets(torch.tensor([box]).float(), torch.tensor([label]))


def test_rpn_losses_of_one_positive_and_one_negative_anchor() -> None:
    anchors = torch.tensor([[0.0, 0, 10, 10], [50, 50, 60, 60]])
    logits = torch.tensor([[0.0, math.log(3)]])
    deltas = torch.zeros(1, 2, 4)
    losses = rpn_losses(
        logits, deltas, anchors, [one([1, 0, 11, 10], 0)], CONFIG, torch.Generator()
    )
    # One logit says 1/2 of an object, the other 3/4 of nothing.
    assert float(losses["rpn_class"]) == pytest.approx((math.log(2) + math.log(4)) / 2)
    # The only error is dx = 0.1, below beta = 1/9: 0.5 * 0.1^2 / beta.
    assert float(losses["rpn_box"]) == pytest.approx(0.5 * 0.01 * 9 / 2)


def test_retinanet_losses_against_the_formula() -> None:
    anchors = torch.tensor([[0.0, 0, 10, 10], [50, 50, 60, 60], [0, 0, 10, 22]])
    logits = torch.tensor([[[0.3, -1.0], [0.2, 0.1], [5.0, 5.0]]])
    losses = retinanet_losses(
        logits, torch.zeros(1, 3, 4), anchors, [one([0, 0, 10, 10], 1)], CONFIG
    )

    def focal(logit: float, truth: bool) -> float:
        p = 1 / (1 + math.exp(-logit))
        p_t, alpha = (p, 0.25) if truth else (1 - p, 0.75)
        return -alpha * (1 - p_t) ** 2 * math.log(p_t)

    # The third anchor overlaps by 0.45: neither positive nor negative.
    expected = focal(0.3, False) + focal(-1.0, True) + focal(0.2, False) + focal(0.1, False)
    assert float(losses["class"]) == pytest.approx(expected, rel=1e-5)
    assert float(losses["box"]) == 0


def test_retinanet_losses_are_divided_by_the_batchs_positives() -> None:
    anchors = torch.tensor([[0.0, 0, 10, 10], [50, 50, 60, 60]])
    logits, deltas = torch.randn(2, 2, 3), torch.randn(2, 2, 4)
    target = one([1, 1, 10, 12], 2)
    both = retinanet_losses(logits, deltas, anchors, [target, NOTHING], CONFIG)
    first = retinanet_losses(logits[:1], deltas[:1], anchors, [target], CONFIG)
    second = retinanet_losses(logits[1:], deltas[1:], anchors, [NOTHING], CONFIG)
    torch.testing.assert_close(both["class"], first["class"] + second["class"])
    torch.testing.assert_close(both["box"], first["box"])


def test_sampled_boxes_hold_objects_whole_image_and_candidates() -> None:
    config = LossConfig(roi_samples=8, roi_positive_fraction=0.5)
    drawn = sample_rois(
        [torch.tensor([[0.0, 0, 20, 20]])],
        [one([30, 30, 50, 50], 1)],
        4,
        torch.tensor([100.0, 90, 100, 90]),
        0.5,
        config,
        torch.Generator().manual_seed(0),
    )
    assert drawn.boxes.shape == (1, 8, 4)
    assert int(drawn.weights.sum()) == 3
    counted = {tuple(b) for b in drawn.boxes[0, :3].tolist()}
    assert counted == {(0, 0, 20, 20), (30, 30, 50, 50), (0, 0, 100, 90)}
    assert {tuple(b) for b in drawn.boxes[0].tolist()} == counted
    is_object = drawn.boxes[0, :, 0] == 30
    assert set(drawn.labels[0, is_object].tolist()) == {1}
    assert set(drawn.labels[0, ~is_object].tolist()) == {4}
    assert set(drawn.matched[0, is_object].tolist()) == {0}
    assert set(drawn.matched[0, ~is_object].tolist()) == {-1}
    assert (drawn.objects == drawn.boxes).all()


def test_a_stages_iou_decides_what_is_positive() -> None:
    box = torch.tensor([[0.0, 0, 10, 10]])  # overlaps the object by 0.65
    for iou, positive in ((0.6, 2), (0.7, 1)):
        drawn = sample_rois(
            [box],
            [one([0, 0, 10, 6.5], 1)],
            4,
            torch.tensor([100.0, 90, 100, 90]),
            iou,
            LossConfig(roi_samples=3, roi_positive_fraction=1.0),
            torch.Generator().manual_seed(0),
        )
        assert int((drawn.labels == 1).sum()) == positive


def test_the_next_stage_takes_refined_boxes_but_no_objects_own_and_no_fillers() -> None:
    boxes = torch.tensor([[[10.0, 10, 30, 20], [0, 0, 8, 8], [50, 40, 60, 50], [10, 10, 30, 20]]])
    objects = boxes.clone()
    objects[0, 0] = torch.tensor([12.0, 10, 32, 20])
    drawn = RoiSample(
        boxes,
        torch.tensor([[1, 1, 2, 1]]),
        objects,
        torch.tensor([[1.0, 1, 1, 0]]),
        torch.tensor([[0, 1, -1, 0]]),
    )
    spec = ModuleSpec.of(
        "refine_boxes",
        [TensorSpec((4, 4)), TensorSpec((1, 4, 4))],
        std_xy=0.1,
        std_wh=0.2,
        image_h=48,
        image_w=64,
    )
    deltas = torch.zeros(4, 4, requires_grad=True)
    with torch.no_grad():
        deltas[0, 0] = 1.0  # a tenth of 20 pixels to the right
        deltas[2, 1] = 4.0  # four tenths of 10 pixels down, then clipped
    (kept,) = refined(drawn, deltas, RefineBoxes(spec))
    torch.testing.assert_close(kept, torch.tensor([[12.0, 10, 32, 20], [50, 44, 60, 48]]))
    assert not kept.requires_grad


def test_rcnn_losses_count_each_box_once_and_its_own_class_deltas() -> None:
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 50, 50], [0, 0, 10, 10]]])
    objects = boxes.clone()
    objects[0, [0, 2]] = torch.tensor([0.0, 2, 10, 12])
    labels, weights = torch.tensor([[1, 2, 1]]), torch.tensor([[1.0, 1, 0]])
    logits, deltas = torch.randn(3, 3), torch.randn(3, 8)
    drawn = RoiSample(boxes, labels, objects, weights, torch.tensor([[0, -1, 0]]))
    losses = rcnn_losses(logits, deltas, drawn, (0.1, 0.2), CONFIG)
    expected = F.cross_entropy(logits[:2], torch.tensor([1, 2]))
    torch.testing.assert_close(losses["rcnn_class"], expected)
    wanted = BoxCoder((10.0, 10.0, 5.0, 5.0)).encode_single(objects[0, :1], boxes[0, :1])
    box_loss = F.smooth_l1_loss(deltas[:1, 4:], wanted, reduction="sum", beta=1 / 9) / 2
    torch.testing.assert_close(losses["rcnn_box"], box_loss)


def test_rcnn_losses_of_a_class_agnostic_head() -> None:
    boxes = torch.tensor([[[0.0, 0, 10, 10]]])
    matched = torch.zeros(1, 1, dtype=torch.int64)
    drawn = RoiSample(boxes, torch.tensor([[2]]), boxes + 1, torch.ones(1, 1), matched)
    for std in (0.1, 0.05):
        deltas = torch.tensor([[0.1 / std, 0.1 / std, 0, 0]])
        losses = rcnn_losses(torch.randn(1, 4), deltas, drawn, (std, 2 * std), CONFIG)
        assert float(losses["rcnn_box"]) == pytest.approx(0, abs=1e-6)
