"""MobileNetV2: torchvision's parameters, maps, names, refusals."""

import pytest
import torch
from torchvision import models

from searchspaces import MobileNetV2Backbone, ModuleSpecError, TensorSpec, cost_of
from searchspaces.parts import GraphBuilder

CR = (1, 2, 2, 3, 4, 4, 1)


def wire(backbone, hw=(64, 96), stages=4):
    graph = GraphBuilder(hw, 80, 1, "fp32", backbone)
    ends = backbone.build(graph, ("image", TensorSpec((1, 3, *hw))), stages)
    return graph.nodes, ends


def test_parameters_are_those_of_torchvision_without_its_classifier():
    with torch.device("meta"):
        network = models.mobilenet_v2()
    expected = sum(p.numel() for p in network.features.parameters())
    assert sum(cost_of(n.spec).params for n in wire(MobileNetV2Backbone())[0]) == expected


def test_the_paper_s_multiply_adds():
    """Table 4 counts 300M at 224x224, with the classifier."""
    macs = sum(cost_of(n.spec).macs for n in wire(MobileNetV2Backbone(), (224, 224))[0])
    assert macs + 1280 * 1000 == pytest.approx(300e6, rel=0.01)


@pytest.mark.parametrize("hw", [(32, 32), (33, 97), (800, 1333)])
@pytest.mark.parametrize("depths", [(1, 2, 3, 4, 3, 3, 1), CR, (1,) * 7])
def test_maps_stand_at_strides_4_to_32(hw, depths):
    _, ends = wire(MobileNetV2Backbone(depths), hw)
    assert [t.shape for _, t in ends] == [
        (1, c, -(-hw[0] // s), -(-hw[1] // s))
        for c, s in zip((24, 32, 96, 1280), (4, 8, 16, 32), strict=True)
    ]


def test_one_block_per_depth_and_dilation():
    rates = tuple(tuple(1 + (g + b) % 3 for b in range(n)) for g, n in enumerate(CR))
    nodes, _ = wire(MobileNetV2Backbone(CR, rates))
    blocks = [n for n in nodes if n.spec.kind == "inverted_residual"]
    assert [n.spec.get_int("dilation") for n in blocks] == [r for group in rates for r in group]
    assert [n.name for n in blocks[:4]] == [
        "backbone_s1_g0_b0",
        "backbone_s1_g1_b0",
        "backbone_s1_g1_b1",
        "backbone_s2_g2_b0",
    ]
    assert [n.spec.get_int("hidden_channels") for n in blocks[:3]] == [32, 96, 144]


def test_branches_name_the_depth():
    nodes, _ = wire(MobileNetV2Backbone(CR, branches=True), stages=1)
    assert [n.name for n in nodes] == [
        "backbone_stem",
        "backbone_s1_g0_n1_b0",
        "backbone_s1_g1_n2_b0",
        "backbone_s1_g1_n2_b1",
    ]


def test_the_last_stage_runs_on_boxes():
    backbone = MobileNetV2Backbone()
    graph = GraphBuilder((64, 96), 80, 1, "fp32", backbone)
    rois = ("rois", TensorSpec((7, 96, 14, 14)))
    ref, tensor = backbone.build_last_stage(graph, "roi_stage", "head", rois)
    assert (ref, tensor.shape) == ("roi_stage_last", (7, 1280, 7, 7))
    assert {n.part for n in graph.nodes} == {"head"}


@pytest.mark.parametrize("branches", [False, True])
def test_the_last_stage_ends_in_a_1x1_convolution(branches):
    nodes, ends = wire(MobileNetV2Backbone(branches=branches))
    assert ends[-1][0] == nodes[-1].name == "backbone_s4_last"
    assert [n.spec.get_int("kernel") for n in nodes if n.spec.kind == "stem_conv"] == [3, 1]
    assert nodes[-1].spec.get_str("activation") == "relu6"
    assert cost_of(nodes[-1].spec).macs == 320 * 1280 * 2 * 3
    assert [n.name for n in wire(MobileNetV2Backbone(), stages=3)[0]][-1] == "backbone_s3_g4_b2"


@pytest.mark.parametrize("norm", ["bn", "gn", "gn_ws"])
def test_every_module_has_the_norm(norm):
    assert {n.spec.get_str("norm") for n in wire(MobileNetV2Backbone(norm=norm))[0]} == {norm}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"norm": "none"}, "norm must be one of bn, gn, gn_ws, got 'none'"),
        ({"depths": (3, 4, 6, 3)}, "tuple of 7 ints >= 1"),
        ({"depths": (1, 1, 1, 1, 1, 1, 0)}, "tuple of 7 ints >= 1"),
        ({"dilations": ((1,),) * 7}, r"\(1, 2, 3, 4, 3, 3, 1\) rates for the 7 stages"),
        (
            {"depths": (1,) * 7, "dilations": (*((1,),) * 6, (0,))},
            r"dilations\[6\]\[0\] must be 1, 2 or 3, got 0",
        ),
    ],
)
def test_networks_that_cannot_exist_are_refused(changes, match):
    with pytest.raises(ModuleSpecError, match=match):
        MobileNetV2Backbone(**changes)
