import pytest

from searchspaces import (
    BoxHead,
    DetectorSpec,
    ModuleSpecError,
    RegionProposals,
    TensorSpec,
    anchors_per_level,
)
from tests.searchspaces.small_detectors import (
    BACKBONE,
    build_backbone,
    builder,
    one_stage,
    spec_named,
    two_stage,
)


def test_the_builder_tells_int_from_float_parameters():
    """Equal numbers of two types hash alike; a cache must not mix them up."""
    with_float = spec_named(two_stage((64, 64), rpn=RegionProposals(nms_iou=1.0)), "proposals")
    with_int = spec_named(two_stage((64, 64), rpn=RegionProposals(nms_iou=1)), "proposals")
    again = spec_named(two_stage((64, 64), rpn=RegionProposals(nms_iou=1.0)), "proposals")
    assert "nms_iou=1.0," in with_float.key
    assert "nms_iou=1," in with_int.key
    assert again == with_float


def test_adding_never_changes_what_was_given_before():
    graph = builder()
    ends = build_backbone(graph)
    ends.clear()
    assert len(build_backbone(builder())) == 4


@pytest.mark.parametrize(
    "hw", [(32, 32), (33, 32), (333, 500), (800, 1333), (600, 800), (41, 999)]
)
def test_levels_strides_and_anchors_agree_at_any_size(hw):
    for detector, name, finest in (
        (two_stage(hw), "proposals", 4),
        (one_stage(hw), "detections", 8),
    ):
        spec = spec_named(detector, name)
        strides = spec.get_ints("strides")
        assert strides == tuple(finest * 2**i for i in range(5))
        assert spec.get_ints("heights") == tuple(-(-hw[0] // s) for s in strides)
        assert spec.get_ints("widths") == tuple(-(-hw[1] // s) for s in strides)
        assert sum(anchors_per_level(spec)) == spec.inputs[1].shape[1]


def test_levels_of_different_widths_are_refused():
    class Stages:
        stages = 4

        def build(self, graph, features):
            return features

    with pytest.raises(ModuleSpecError, match=r"retinanet_head takes .* 32, 32, 32, 32 channels"):
        one_stage((64, 64), neck=Stages()).graph()


def test_an_odd_finest_level_is_refused():
    class Crop:
        stages = 4

        def build(self, graph, features):
            return [("backbone_stem", TensorSpec((1, 16, 20, 48)))]

    detector = DetectorSpec((64, 96), BACKBONE, Crop(), RegionProposals(), BoxHead(), 3)
    with pytest.raises(ModuleSpecError, match="finest level of 48x20 is not the input 96x64"):
        detector.graph()
