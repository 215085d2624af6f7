"""The stages of a box head, found in a detector's graph."""

import pytest

from detection.stages import box_stages
from tests.detection.variants import VARIANTS


def test_a_plain_second_stage_is_a_cascade_of_one() -> None:
    (stage,) = box_stages(VARIANTS["faster_rcnn_2fc"].graph())
    assert stage.levels == ("neck", "neck:1", "neck:2", "neck:3")
    assert stage.boxes == "proposals"
    assert stage.predictions == ("box_head", "box_head:1")
    assert stage.decoder.name == "detections"
    assert (stage.refines, stage.stds, stage.mask) == (False, (0.1, 0.2), None)


@pytest.mark.parametrize("name", ["cascade3", "c4_cascade"])
def test_a_cascade(name: str) -> None:
    stages = box_stages(VARIANTS[name].graph())
    assert [s.boxes for s in stages] == ["proposals", "refine_1", "refine_2"]
    assert [s.pooling.name for s in stages] == ["roi_align", "roi_align_1", "roi_align_2"]
    assert [s.decoder.name for s in stages] == ["refine_1", "refine_2", "detections"]
    assert [s.refines for s in stages] == [True, True, False]
    assert [s.stds for s in stages] == [(0.1, 0.2), (0.05, 0.1), (0.033, 0.067)]


def test_a_cascade_has_a_mask_head_per_stage() -> None:
    stages = box_stages(VARIANTS["cascade_mask"].graph())
    masks = [stage.mask.name for stage in stages if stage.mask is not None]
    assert masks == ["mask_head", "mask_head_1", "mask_head_2"]


def test_a_one_stage_detector_has_none() -> None:
    assert box_stages(VARIANTS["retinanet"].graph()) == ()
