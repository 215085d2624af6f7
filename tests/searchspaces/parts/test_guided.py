import pytest

from searchspaces import (
    BoxHead,
    DetectorSpec,
    GuidedRegionProposals,
    ModuleSpecError,
    SingleLevel,
    TensorSpec,
    anchors_per_level,
    outputs_of,
)
from tests.searchspaces.small_detectors import BACKBONE, spec_named, two_stage


def test_head_and_selection_stand_where_an_rpns_stand():
    detector = two_stage((333, 500), rpn=GuidedRegionProposals())
    graph = detector.graph()
    head, selection = (spec_named(detector, name) for name in ("rpn_head", "proposals"))
    assert (head.kind, selection.kind) == ("guided_rpn_head", "guided_proposals")
    assert {n.name for n in graph.nodes if n.part == "rpn"} == {"rpn_head", "proposals"}
    assert selection.inputs == outputs_of(head)
    assert selection.get_ints("strides") == (4, 8, 16, 32, 64)
    assert anchors_per_level(selection) == tuple(t.shape[2] * t.shape[3] for t in head.inputs)
    assert detector.macs()["rpn"] > 0


def test_the_defaults_are_the_references():
    selection = spec_named(two_stage((64, 64), rpn=GuidedRegionProposals()), "proposals")
    assert selection.get_str("anchor_scales") == "8"
    assert selection.get_float("loc_threshold") == 0.01
    assert outputs_of(selection) == (TensorSpec((1, 300, 4)), TensorSpec((1,), "int64"))


def test_every_number_reaches_its_module():
    rpn = GuidedRegionProposals(6.5, 2, 0.25, pre_nms=70, post_nms=30, nms_iou=0.6)
    detector = two_stage((64, 64), rpn=rpn)
    assert spec_named(detector, "rpn_head").get_int("deform_groups") == 2
    selection = spec_named(detector, "proposals")
    assert selection.get_floats("anchor_scales") == (6.5,)
    assert [selection.get_float(name) for name in ("loc_threshold", "nms_iou")] == [0.25, 0.6]
    assert [selection.get_int(name) for name in ("pre_nms", "post_nms")] == [70, 30]


def test_one_level_alone_has_guided_anchors_too():
    head = BoxHead(roi_stage=True, num_convs=0, num_fcs=0, roi_size=14)
    detector = DetectorSpec((64, 64), BACKBONE, SingleLevel(), GuidedRegionProposals(), head, 3)
    assert spec_named(detector, "proposals").get_ints("strides") == (16,)


def test_groups_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ModuleSpecError, match="must divide the 32 channels, got 5"):
        two_stage((64, 64), rpn=GuidedRegionProposals(deform_groups=5)).graph()
