import pytest

from searchspaces import (
    C4_ANCHOR_SCALES,
    BoxHead,
    DetectorSpec,
    RegionProposals,
    RetinaNetHead,
    SingleLevel,
    anchors_per_level,
    octave_scales,
)
from tests.searchspaces.small_detectors import BACKBONE, spec_named


def test_the_level_is_the_stride_16_map_and_the_last_stage_is_not_built():
    head = RetinaNetHead(32, anchor_scales=octave_scales(4.0))
    graph = DetectorSpec((64, 96), BACKBONE, SingleLevel(), None, head, 3).graph()
    assert not [n.name for n in graph.nodes if n.part == "neck" or "_s4_" in n.name]
    spec = next(n.spec for n in graph.nodes if n.name == "detections")
    assert spec.get_ints("strides") == (16,)
    assert spec.get_ints("heights") == (4,)
    assert spec.get_ints("widths") == (6,)


@pytest.mark.parametrize("hw", [(64, 96), (333, 500), (32, 32)])
def test_c4_anchors_are_32_to_512_pixels_wide(hw):
    rpn = RegionProposals(anchor_scales=C4_ANCHOR_SCALES)
    detector = DetectorSpec(hw, BACKBONE, SingleLevel(), rpn, BoxHead(roi_stage=True), 3)
    spec = spec_named(detector, "proposals")
    (stride,) = spec.get_ints("strides")
    assert [stride * side for side in spec.get_floats("anchor_scales")] == [32, 64, 128, 256, 512]
    assert anchors_per_level(spec) == (-(-hw[0] // 16) * -(-hw[1] // 16) * 15,)
