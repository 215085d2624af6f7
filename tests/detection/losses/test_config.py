"""The losses' numbers."""

import math

import pytest

from detection import Detector, LossConfig, TrainingError
from searchspaces import BoxHead, GuidedRegionProposals, RegionProposals
from searchspaces.parts import Rpn
from tests.detection.variants import detector


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rpn_samples": 0}, "rpn_samples must be at least 1"),
        ({"roi_iou": 1.5}, "roi_iou must lie in 0..1, got 1.5"),
        ({"focal_alpha": -0.1}, "focal_alpha"),
        ({"rpn_negative_iou": 0.8}, "negative_iou 0.8 is above positive_iou 0.7"),
        ({"retinanet_negative_iou": 0.6}, "retinanet: negative_iou 0.6"),
        ({"roi_box_beta": 0.0}, "roi_box_beta must be finite and above 0, got 0.0"),
        ({"box_beta": math.inf}, "box_beta must be finite"),
        ({"cascade_ious": (0.5,)}, r"name the same stages, got \(0.5,\) and \(1.0, 0.5"),
        ({"cascade_ious": (), "cascade_weights": ()}, "name the same stages"),
        ({"cascade_ious": (0.5, 0.6, 0.7, 1.1)}, r"cascade_ious must lie in 0\.\.1"),
        ({"cascade_weights": (1.0, -1.0, 1.0, 1.0)}, "finite and not negative"),
        ({"cascade_weights": (1.0, math.nan, 1.0, 1.0)}, "finite and not negative"),
    ],
)
def test_bad_numbers_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        LossConfig(**options)  # type: ignore[arg-type]


def test_a_cascade_has_an_iou_per_stage_and_a_single_stage_its_own() -> None:
    config = LossConfig(roi_iou=0.6)
    assert config.stage_iou(0, stages=1) == 0.6
    assert [config.stage_iou(i, stages=4) for i in range(4)] == [0.5, 0.6, 0.7, 0.75]
    config.check_stages(4)
    with pytest.raises(TrainingError, match=r"5 stages .* give one IoU and one weight per stage"):
        config.check_stages(5)


def test_guided_anchors_ask_for_closer_boxes() -> None:
    guided = LossConfig().behind_guided_anchors()
    assert (guided.roi_iou, guided.roi_samples) == (0.6, 256)
    assert guided.cascade_ious == LossConfig().cascade_ious


@pytest.mark.parametrize(
    ("proposals", "samples"), [(4000, 512), (512, 512), (511, 511), (100, 100), (16, 16), (3, 16)]
)
def test_no_more_boxes_are_drawn_than_there_are_proposals(proposals: int, samples: int) -> None:
    assert LossConfig().for_proposals(proposals).roi_samples == samples


@pytest.mark.parametrize(
    ("rpn", "iou", "samples"),
    [
        (RegionProposals(), 0.5, 512),
        (GuidedRegionProposals(), 0.6, 256),
        (GuidedRegionProposals(post_nms=100), 0.6, 100),
    ],
)
def test_detectors_of_the_usual_proposals_draw_as_many_boxes_as_the_reference(
    rpn: Rpn, iou: float, samples: int
) -> None:
    """512 of 1,000 and, behind guided anchors, 256 of 300 (mmdetection's configurations)."""
    config = Detector(detector(BoxHead(num_convs=0, fc_channels=8), rpn)).loss_config
    assert (config.roi_iou, config.roi_samples) == (iou, samples)
