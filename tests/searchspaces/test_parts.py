import pytest

from searchspaces import (
    BoxHead,
    DetectorSpec,
    Fpn,
    ModuleSpecError,
    RegionProposals,
    RetinaNetHead,
    ShuffleBackbone,
    TensorSpec,
    anchors_per_level,
    outputs_of,
)
from searchspaces.parts import GraphBuilder

BACKBONE = ShuffleBackbone(16, (32, 64, 128, 256), ((0,), (1, 2), (3,), (0, 0)))


def builder(hw=(64, 96), classes=3, batch=2, dtype="fp16"):
    return GraphBuilder(hw, classes, batch, dtype)


def build_backbone(graph, backbone=BACKBONE):
    return backbone.build(graph, ("image", TensorSpec((graph.batch, 3, *graph.input_hw))))


def two_stage(hw, neck=None, rpn=None, head=None):
    neck, rpn, head = neck or Fpn(32), rpn or RegionProposals(), head or BoxHead()
    return DetectorSpec(hw, BACKBONE, neck, rpn, head, 3)


def one_stage(hw, neck=None, head=None):
    neck = neck or Fpn(32, first=1, extra="p6p7")
    return DetectorSpec(hw, BACKBONE, neck, None, head or RetinaNetHead(32), 3)


def spec_named(detector, name):
    return next(n.spec for n in detector.graph().nodes if n.name == name)


def test_backbone_gives_the_stage_ends():
    graph = builder()
    ends = build_backbone(graph)
    assert [ref for ref, _ in ends] == [
        f"backbone_s{s}_b{b}" for s, b in ((1, 0), (2, 1), (3, 0), (4, 1))
    ]
    assert [t.shape for _, t in ends] == [
        (2, 32, 16, 24),
        (2, 64, 8, 12),
        (2, 128, 4, 6),
        (2, 256, 2, 3),
    ]
    assert {(n.spec.batch, n.spec.dtype, n.part) for n in graph.nodes} == {(2, "fp16", "backbone")}


def test_backbone_blocks_are_what_the_choice_ids_say():
    graph = builder()
    build_backbone(graph)
    blocks = [n.spec for n in graph.nodes[1:]]
    assert [(b.get_str("op"), b.get_int("kernel")) for b in blocks] == [
        ("conv", 3),
        ("conv", 5),
        ("conv", 7),
        ("xception", 3),
        ("conv", 3),
        ("conv", 3),
    ]
    assert [b.get_int("stride") for b in blocks] == [2, 2, 1, 2, 2, 1]


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


def test_ratios_are_written_without_loss():
    ratios = (1 / 3, 1.0, 3.0)
    spec = spec_named(two_stage((64, 64), rpn=RegionProposals(ratios=ratios)), "proposals")
    assert spec.get_floats("ratios") == ratios
    assert spec.get_str("ratios") == "0.3333333333333333:1:3"


def test_roi_align_pools_from_the_four_finest_levels():
    spec = spec_named(two_stage((64, 64)), "roi_align")
    assert spec.get_ints("strides") == (4, 8, 16, 32)
    assert len(spec.inputs) == 5


@pytest.mark.parametrize(("first", "match"), [(4, "0..3, got 4"), (-1, "0..3, got -1")])
def test_a_pyramid_starts_at_a_map_that_exists(first, match):
    with pytest.raises(ModuleSpecError, match=f"gives 4 maps, so Fpn.first must be {match}"):
        two_stage((64, 64), neck=Fpn(32, first=first)).graph()


def test_a_head_of_another_width_than_its_pyramid_is_refused():
    with pytest.raises(ModuleSpecError, match=r"retinanet_head takes .* 256 channels"):
        one_stage((64, 64), head=RetinaNetHead(256)).graph()


def test_a_stage_without_operations_gives_the_map_before():
    bare = ShuffleBackbone(16, (32, 64), ((0,), (0,)))
    graph = builder()
    assert [t.shape[1] for _, t in build_backbone(graph, bare)] == [32, 64]
    with pytest.raises(ValueError, match="zip"):
        build_backbone(builder(), ShuffleBackbone(16, (32, 64), ((0,),)))


def test_class_agnostic_heads_give_four_deltas():
    detector = two_stage((64, 64), head=BoxHead(class_agnostic=True))
    assert outputs_of(spec_named(detector, "box_head"))[1].shape == (1000, 4)


def test_an_odd_finest_level_is_refused():
    class Crop:
        def build(self, graph, features):
            return [("backbone_stem", TensorSpec((1, 16, 20, 48)))]

    detector = DetectorSpec((64, 96), BACKBONE, Crop(), RegionProposals(), BoxHead(), 3)
    with pytest.raises(ModuleSpecError, match="finest level of 48x20 is not the input 96x64"):
        detector.graph()
