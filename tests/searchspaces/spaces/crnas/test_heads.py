import numpy as np
import pytest

from searchspaces import MASKS, OUTPUTS, make_space
from searchspaces.spaces.crnas import HEADS

KINDS = {  # what tells a head from Faster R-CNN with FPN
    "fpn": {},
    "cascade": {"refine_boxes": 2, "average_scores": 1, "roi_align": 3, "box_head": 3},
    "mask": {"mask_head": 1, "mask_detections": 1, "roi_align": 2},
    "cascade-mask": {"refine_boxes": 2, "mask_head": 3, "roi_align": 4, "box_head": 3},
    "nas-fpn": {"nas_fpn": 1, "fpn": 0},
    "retinanet": {"retinanet_head": 1, "rpn_head": 0, "box_head": 0, "roi_align": 0},
}


def graph_of(head, name="crnas-resnet50", **options):
    space = make_space(name, head=head, input_hw=(256, 320), **options)
    return space.detector(space.sample(np.random.default_rng(0))).graph()


def only(graph, kind):
    (spec,) = {node.spec for node in graph.nodes if node.spec.kind == kind}
    return spec


@pytest.mark.parametrize("head", HEADS)
def test_heads_consist_of_their_modules(head):
    graph = graph_of(head)
    kinds = [node.spec.kind for node in graph.nodes]
    usual = dict.fromkeys(("fpn", "rpn_head", "proposals", "roi_align", "box_head"), 1)
    if head == "retinanet":
        usual = {"fpn": 1}
    expected = {**usual, **KINDS[head]}
    assert {kind: kinds.count(kind) for kind in expected} == expected


@pytest.mark.parametrize("head", HEADS)
def test_mask_heads_give_masks(head):
    graph = graph_of(head, "crnas-mobilenetv2")
    assert len(graph.outputs) == len(OUTPUTS) + head.endswith("mask")
    if head.endswith("mask"):
        assert graph.tensors[graph.outputs[-1]].shape == (1, 100, 28, 28)
        assert graph.outputs[-1] == MASKS


def test_the_box_head_is_two_linear_layers():
    spec = only(graph_of("fpn"), "box_head")
    assert (spec.get_int("num_convs"), spec.get_int("num_fcs")) == (0, 2)
    assert spec.get_int("fc_channels") == 1024
    assert not spec.get_int("class_agnostic")
    assert only(graph_of("cascade"), "box_head").get_int("class_agnostic")


@pytest.mark.parametrize(("head", "scale", "stride"), [("fpn", 8, 4), ("nas-fpn", 4, 8)])
def test_the_smallest_anchor_is_32_pixels(head, scale, stride):
    spec = only(graph_of(head), "proposals")
    assert spec.get_floats("anchor_scales") == (scale,)
    assert spec.get_ints("strides")[0] == stride
    assert scale * stride == 32


def test_nas_fpn_has_seven_cells_of_384_channels():
    spec = only(graph_of("nas-fpn"), "nas_fpn")
    assert (spec.get_int("cells"), spec.get_int("out_channels")) == (7, 384)


@pytest.mark.parametrize("proposals", [None, 300])
def test_proposals_are_what_the_second_stage_takes(proposals):
    spec = only(graph_of("fpn", proposals=proposals), "box_head")
    assert spec.inputs[0].shape[0] == (1000 if proposals is None else proposals)


@pytest.mark.parametrize(
    ("head", "kinds"),
    [
        ("fpn", {"fpn": ("none", "gn_ws")}),
        ("mask", {"fpn": ("none", "gn_ws"), "mask_head": ("none", "gn_ws")}),
        ("cascade-mask", {"mask_head": ("none", "gn_ws"), "box_head": ("none", "none")}),
        ("nas-fpn", {"nas_fpn": ("bn", "gn_ws")}),
        ("retinanet", {"fpn": ("none", "gn_ws"), "retinanet_head": ("none", "gn_ws")}),
    ],
)
def test_neck_and_head_follow_the_backbone_to_group_normalisation(head, kinds):
    for norm, place in (("bn", 0), ("gn_ws", 1)):
        graph = graph_of(head, norm=norm)
        assert only(graph, "resnet_stem").get_str("norm") == norm
        for kind, expected in kinds.items():
            found = {n.spec.get_str("norm") for n in graph.nodes if n.spec.kind == kind}
            assert found == {expected[place]}
