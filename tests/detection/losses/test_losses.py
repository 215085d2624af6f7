"""The three losses against numbers worked out by hand and torchvision's own."""

import math

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation
from torchvision.models.detection._utils import BoxCoder

from detection.losses import LossConfig, Targets
from detection.losses.rcnn import RoiSample, rcnn_losses, sample_rois
from detection.losses.retinanet import retinanet_losses
from detection.losses.rpn import rpn_losses

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


def test_sampled_boxes_hold_objects_whole_image_and_proposals_but_no_padding() -> None:
    config = LossConfig(roi_samples=8, roi_positive_fraction=0.5)
    proposals = torch.zeros(1, 5, 4)
    proposals[0, 0] = torch.tensor([0.0, 0, 20, 20])
    drawn = sample_rois(
        proposals,
        torch.tensor([1]),
        [one([30, 30, 50, 50], 1)],
        4,
        torch.tensor([100.0, 90, 100, 90]),
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


def test_rcnn_losses_count_each_box_once_and_its_own_class_deltas() -> None:
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 50, 50], [0, 0, 10, 10]]])
    objects = boxes.clone()
    objects[0, [0, 2]] = torch.tensor([0.0, 2, 10, 12])
    labels, weights = torch.tensor([[1, 2, 1]]), torch.tensor([[1.0, 1, 0]])
    logits, deltas = torch.randn(3, 3), torch.randn(3, 8)
    losses = rcnn_losses(logits, deltas, RoiSample(boxes, labels, objects, weights), CONFIG)
    expected = F.cross_entropy(logits[:2], torch.tensor([1, 2]))
    torch.testing.assert_close(losses["rcnn_class"], expected)
    wanted = BoxCoder((10.0, 10.0, 5.0, 5.0)).encode_single(objects[0, :1], boxes[0, :1])
    box_loss = F.smooth_l1_loss(deltas[:1, 4:], wanted, reduction="sum", beta=1 / 9) / 2
    torch.testing.assert_close(losses["rcnn_box"], box_loss)


def test_rcnn_losses_of_a_class_agnostic_head() -> None:
    boxes = torch.tensor([[[0.0, 0, 10, 10]]])
    drawn = RoiSample(boxes, torch.tensor([[2]]), boxes + 1, torch.ones(1, 1))
    losses = rcnn_losses(torch.randn(1, 4), torch.tensor([[1.0, 1, 0, 0]]), drawn, CONFIG)
    assert float(losses["rcnn_box"]) == pytest.approx(0, abs=1e-6)
