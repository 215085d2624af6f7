"""ResNet and ResNeXt: published costs, torchvision's parameters, names, refusals."""

import pytest
import torch
from torchvision import models

from searchspaces import ModuleSpecError, ResNetBackbone, TensorSpec, cost_of
from searchspaces.parts import GraphBuilder

R18 = ResNetBackbone("basic", (2, 2, 2, 2))
R50 = ResNetBackbone("bottleneck")
CR50_RATES = ((1,), (1, 2, 1), (1, 1, 2, 3, 1), (1, 2, 1, 3, 2, 2, 3))


def wire(backbone, hw=(64, 96), stages=4):
    graph = GraphBuilder(hw, 80, 1, "fp32", backbone)
    ends = backbone.build(graph, ("image", TensorSpec((1, 3, *hw))), stages)
    return graph.nodes, ends


def cost(backbone, hw):
    costs = [cost_of(node.spec) for node in wire(backbone, hw)[0]]
    return sum(c.macs for c in costs), sum(c.params for c in costs)


@pytest.mark.parametrize(
    ("backbone", "giga"),
    [
        (R18, 31.46),
        (R50, 70.90),
        (ResNetBackbone("bottleneck", (1, 3, 5, 7)), 70.90),
        (ResNetBackbone("bottleneck", (1, 3, 5, 7), CR50_RATES), 70.90),
        (ResNetBackbone("bottleneck", (3, 4, 23, 3)), 135.29),
    ],
)
def test_published_costs_at_800_by_1088(backbone, giga):
    assert cost(backbone, (800, 1088))[0] / 1e9 == pytest.approx(giga, abs=0.006)


@pytest.mark.parametrize(
    ("name", "backbone"),
    [
        ("resnet18", R18),
        ("resnet34", ResNetBackbone("basic")),
        ("resnet50", R50),
        ("resnet101", ResNetBackbone("bottleneck", (3, 4, 23, 3))),
        ("resnext50_32x4d", ResNetBackbone("bottleneck", groups=32, group_width=4)),
        (
            "resnext101_32x8d",
            ResNetBackbone("bottleneck", (3, 4, 23, 3), groups=32, group_width=8),
        ),
    ],
)
def test_parameters_are_those_of_torchvision_without_classifier(name, backbone):
    with torch.device("meta"):
        network = getattr(models, name)()
    expected = sum(p.numel() for n, p in network.named_parameters() if not n.startswith("fc"))
    assert cost(backbone, (64, 64))[1] == expected


@pytest.mark.parametrize("hw", [(32, 32), (33, 97), (800, 1333)])
def test_maps_stand_at_strides_4_to_32(hw):
    for backbone, widths in ((R18, (64, 128, 256, 512)), (R50, (256, 512, 1024, 2048))):
        _, ends = wire(backbone, hw)
        assert [t.shape for _, t in ends] == [
            (1, c, -(-hw[0] // s), -(-hw[1] // s))
            for c, s in zip(widths, (4, 8, 16, 32), strict=True)
        ]


def test_only_the_wanted_stages_are_built_and_the_last_one_elsewhere():
    nodes, ends = wire(R50, stages=3)
    assert [ref for ref, _ in ends] == ["backbone_s1_b2", "backbone_s2_b3", "backbone_s3_b5"]
    graph = GraphBuilder((64, 96), 80, 1, "fp32", R50)
    ref, tensor = R50.build_last_stage(
        graph, "roi_stage", "head", ("rois", TensorSpec((7, 1024, 14, 14)))
    )
    assert (ref, tensor.shape) == ("roi_stage_b2", (7, 2048, 7, 7))
    assert [(n.name, n.part) for n in graph.nodes] == [
        (f"roi_stage_b{block}", "head") for block in range(3)
    ]
    assert not {n.name for n in nodes} & {n.name for n in graph.nodes}


def test_dilations_and_strides_stand_where_they_are_said_to():
    nodes, _ = wire(ResNetBackbone("bottleneck", (1, 3, 5, 7), CR50_RATES))
    specs = [n.spec for n in nodes[1:]]
    assert [s.get_int("dilation") for s in specs] == [r for stage in CR50_RATES for r in stage]
    firsts = {
        n.name for n in nodes if n.spec.kind == "bottleneck" and n.spec.get_int("stride") > 1
    }
    assert firsts == {"backbone_s2_b0", "backbone_s3_b0", "backbone_s4_b0"}


def test_branches_name_the_depth():
    names = [n.name for n in wire(ResNetBackbone("basic", (3, 1, 1, 1), branches=True))[0]]
    assert names[:4] == [
        "backbone_stem",
        "backbone_s1_n3_b0",
        "backbone_s1_n3_b1",
        "backbone_s1_n3_b2",
    ]


@pytest.mark.parametrize("norm", ["bn", "gn", "gn_ws"])
def test_every_module_has_the_norm(norm):
    nodes, _ = wire(ResNetBackbone("basic", norm=norm))
    assert {n.spec.get_str("norm") for n in nodes} == {norm}


@pytest.mark.parametrize(
    ("block", "changes", "match"),
    [
        ("Bottleneck", {}, "block must be one of basic, bottleneck, got 'Bottleneck'"),
        ("basic", {"norm": "none"}, "norm must be one of bn, gn, gn_ws, got 'none'"),
        ("basic", {"depths": (2, 2, 2)}, r"tuple of 4 ints >= 1, got \(2, 2, 2\)"),
        ("basic", {"depths": (2, 2, 0, 2)}, r"ints >= 1, got \(2, 2, 0, 2\)"),
        ("basic", {"depths": [2, 2, 2, 2]}, "must be a tuple"),
        ("basic", {"depths": (2, 2, 2, True)}, "ints >= 1"),
        (
            "basic",
            {"depths": (1, 1, 1, 2), "dilations": ((1,), (1,), (1,), (1,))},
            r"\(1, 1, 1, 2\) rates for the 4 stages, got \(1, 1, 1, 1\)",
        ),
        ("basic", {"dilations": ((1,),)}, r"got \(1,\)"),
        ("basic", {"dilations": (1, 1, 1, 1)}, "a tuple of one tuple of rates per stage"),
        (
            "basic",
            {"depths": (1, 1, 1, 2), "dilations": ((1,), (1,), (1,), (1, 4))},
            r"dilations\[3\]\[1\] must be 1, 2 or 3, got 4",
        ),
        ("basic", {"groups": 32, "group_width": 4}, "grouped convolutions need block='bottlenec"),
        ("bottleneck", {"groups": 0}, r"must be ints >= 1, got \(64, 0, 64\)"),
        ("bottleneck", {"group_width": 4, "base_channels": 8}, r"at least 64 .* got 8 \* 4"),
    ],
)
def test_networks_that_cannot_exist_are_refused(block, changes, match):
    with pytest.raises(ModuleSpecError, match=match):
        ResNetBackbone(block, **changes)
