import pytest

from searchspaces import (
    C4_ANCHOR_SCALES,
    CASCADE_STDS,
    BoxHead,
    DetectorSpec,
    Fpn,
    ModuleSpecError,
    RegionProposals,
    SingleLevel,
    outputs_of,
)
from tests.searchspaces.small_detectors import (
    BACKBONE,
    build_backbone,
    builder,
    spec_named,
    two_stage,
)


def test_roi_align_pools_from_the_four_finest_levels():
    spec = spec_named(two_stage((64, 64)), "roi_align")
    assert spec.get_ints("strides") == (4, 8, 16, 32)
    assert len(spec.inputs) == 5


def test_class_agnostic_heads_give_four_deltas():
    detector = two_stage((64, 64), head=BoxHead(class_agnostic=True))
    assert outputs_of(spec_named(detector, "box_head"))[1].shape == (1000, 4)


def head_nodes(detector):
    return {node.name: node for node in detector.graph().nodes if node.part == "head"}


def cascade(stages, **options):
    return BoxHead(class_agnostic=True, stage_stds=CASCADE_STDS[:stages], **options)


def c4(head):
    rpn = RegionProposals(C4_ANCHOR_SCALES, post_nms=50)
    return DetectorSpec((64, 96), BACKBONE, SingleLevel(), rpn, head, 3)


def test_one_stage_is_the_plain_head():
    assert list(head_nodes(two_stage((64, 64)))) == ["roi_align", "box_head", "detections"]


@pytest.mark.parametrize("stages", [2, 3, 4])
def test_each_stage_pools_the_boxes_that_the_one_before_refined(stages):
    nodes = head_nodes(two_stage((64, 64), head=cascade(stages)))
    ends = ["", *(f"_{i}" for i in range(1, stages))]
    boxes = ["proposals", *(f"refine_{i}" for i in range(1, stages))]
    for end, source in zip(ends, boxes, strict=True):
        assert nodes[f"roi_align{end}"].inputs[-1] == source
        assert nodes[f"box_head{end}"].inputs == (f"roi_align{end}",)
        assert outputs_of(nodes[f"box_head{end}"].spec)[1].shape == (1000, 4)
    for i in range(1, stages):
        spec = nodes[f"refine_{i}"].spec
        assert nodes[f"refine_{i}"].inputs == (f"box_head{ends[i - 1]}:1", boxes[i - 1])
        assert (spec.get_float("std_xy"), spec.get_float("std_wh")) == CASCADE_STDS[i - 1]
    last = nodes["detections"]
    assert nodes["average_scores"].inputs == tuple(f"box_head{end}" for end in ends)
    assert last.inputs == ("average_scores", f"box_head{ends[-1]}:1", boxes[-1], "proposals:1")
    assert (last.spec.get_float("std_xy"), last.spec.get_float("std_wh")) == CASCADE_STDS[
        stages - 1
    ]


def test_stages_cost_the_same_each():
    costs = [
        two_stage((64, 64), head=cascade(n, num_convs=0, num_fcs=2)).macs()["head"]
        for n in range(1, 5)
    ]
    assert [cost // costs[0] for cost in costs] == [1, 2, 3, 4]
    assert costs[3] == 4 * costs[0]


def test_without_a_pyramid_each_stage_runs_the_backbones_last_stage_on_every_box():
    nodes = head_nodes(c4(cascade(2, roi_stage=True)))
    for end in ("", "_1"):
        assert nodes[f"roi_align{end}"].spec.get_int("size") == 14
        assert len(nodes[f"roi_align{end}"].spec.inputs) == 2
        first, second = nodes[f"roi_stage{end}_b0"], nodes[f"roi_stage{end}_b1"]
        assert first.inputs == (f"roi_align{end}",)
        assert (first.spec.get_int("stride"), second.spec.get_int("stride")) == (2, 1)
        head = nodes[f"box_head{end}"].spec
        assert head.inputs[0].shape == (50, 256, 7, 7)
        assert [head.get_int(n) for n in ("average", "num_convs", "num_fcs")] == [1, 0, 0]


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ({"num_convs": 0}, {"num_convs": 0, "conv_channels": 7, "norm": "gn"}),
        ({"num_fcs": 0}, {"num_fcs": 0, "fc_channels": 7}),
        ({"roi_stage": True}, {"roi_stage": True, "conv_channels": 7, "fc_channels": 7}),
    ],
)
def test_equal_heads_have_equal_keys(mine, theirs):
    keys = [
        spec_named(two_stage((64, 64), head=BoxHead(**o)), "box_head").key for o in (mine, theirs)
    ]
    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    "options", [{"conv_channels": 7}, {"norm": "gn"}, {"fc_channels": 7}, {"num_fcs": 0}]
)
def test_different_heads_have_different_keys(options):
    plain, other = (two_stage((64, 64), head=head) for head in (BoxHead(), BoxHead(**options)))
    assert spec_named(plain, "box_head").key != spec_named(other, "box_head").key


def test_the_last_stage_runs_on_a_pyramids_boxes_as_well():
    nodes = head_nodes(two_stage((64, 64), head=BoxHead(roi_stage=True)))
    assert nodes["roi_stage_b0"].spec.inputs[0].shape == (1000, 32, 14, 14)


def test_a_mask_branch_is_given_levels_detections_and_the_number_of_stages():
    seen = []

    class Masks:
        def build(self, graph, pooled_levels, detections, stages):
            seen.append(([ref for ref, _ in pooled_levels], detections, stages))
            return [("masks", detections[1][1])]

    head = cascade(3, mask=Masks())
    graph = builder()
    levels = Fpn(32).build(graph, build_backbone(graph))
    made = head.build(graph, levels, RegionProposals().build(graph, levels))
    ((pooled, detections, stages),) = seen
    assert pooled == ["neck", "neck:1", "neck:2", "neck:3"]
    assert [ref for ref, _ in detections] == [f"detections{e}" for e in ("", ":1", ":2", ":3")]
    assert stages == 3
    assert made[:4] == detections
    assert made[4][0] == "masks"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"stage_stds": ()}, r"one \(std_xy, std_wh\) pair above 0 per stage"),
        ({"stage_stds": ((0.1, 0.0),)}, r"pair above 0 per stage.*got \(\(0.1, 0.0\),\)"),
        ({"stage_stds": ((0.1,),)}, "pair above 0"),
        ({"stage_stds": CASCADE_STDS[:3]}, "3 stages .* give it class_agnostic=True"),
    ],
)
def test_cascades_that_cannot_exist_are_refused(options, match):
    with pytest.raises(ModuleSpecError, match=match):
        BoxHead(**options)
