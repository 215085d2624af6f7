"""SM-NAS' coded backbones: published costs, doublings, refusals."""

from itertools import accumulate

import pytest
from hypothesis import given, settings, strategies as st

from searchspaces import CODED_BLOCKS, CodedBackbone, ModuleSpecError, TensorSpec, cost_of
from searchspaces.parts import GraphBuilder


def coded(text, **options):
    block, base, groups = text.split("_")
    return CodedBackbone(block, int(base), tuple(groups.split("-")), **options)


def wire(backbone, hw=(64, 96), stages=4):
    graph = GraphBuilder(hw, 80, 1, "fp32", backbone)
    ends = backbone.build(graph, ("image", TensorSpec((1, 3, *hw))), stages)
    return graph.nodes, ends


@pytest.mark.parametrize(
    ("code", "hw", "macs", "elementwise", "published"),
    [
        ("basicblock_64_1-21-21-12", (512, 512), 7.12, 0.028, 7.2),
        ("bottleneck_56_211-111111111-2111111-11112111", (600, 800), 57.99, 0.46, 59.2),
        ("Xbottleneck_56_21-21-111111111111111-2111111", (600, 800), 71.65, 0.53, None),
    ],
)
def test_published_costs(code, hw, macs, elementwise, published):
    costs = [cost_of(node.spec) for node in wire(coded(code), hw)[0]]
    counted = sum(c.macs for c in costs) / 1e9
    extra = sum(c.elementwise for c in costs) / 1e9
    assert counted == pytest.approx(macs, abs=0.006)
    assert extra == pytest.approx(elementwise, abs=0.006)
    if published:
        assert counted + extra == pytest.approx(published, rel=0.03)


@settings(max_examples=60, deadline=None)
@given(
    block=st.sampled_from(CODED_BLOCKS),
    base=st.sampled_from([48, 56, 64, 72]),
    groups=st.tuples(*[st.text("12", min_size=1, max_size=4)] * 4),
    hw=st.tuples(st.integers(32, 200), st.integers(32, 200)),
)
def test_every_code_doubles_and_halves_where_it_says(block, base, groups, hw):
    nodes, ends = wire(CodedBackbone(block, base, groups), hw)
    wide = 4 if block.lower().endswith("bottleneck") else 1
    planes = list(accumulate("".join(groups), lambda c, s: c * int(s), initial=base))[1:]
    blocks = [n.spec for n in nodes[2:]]
    assert [b.get_int("out_channels") for b in blocks] == [p * wide for p in planes]
    firsts = set(accumulate(map(len, groups[:-1])))
    assert {i for i, b in enumerate(blocks) if b.get_int("stride") == 2} == firsts
    assert [t.shape[2:] for _, t in ends] == [
        (-(-hw[0] // s), -(-hw[1] // s)) for s in (4, 8, 16, 32)
    ]
    for spec in blocks:
        cost_of(spec)  # checks the groups


def test_the_stem_is_half_and_then_the_whole_base_width():
    nodes, _ = wire(coded("basicblock_54_1-2-2-2"), stages=1)
    assert [n.name for n in nodes] == ["backbone_stem0", "backbone_stem1", "backbone_s1_b0"]
    assert [n.spec.get_int("out_channels") for n in nodes] == [27, 54, 54]


@pytest.mark.parametrize(("base", "mid"), [(48, 96), (56, 96), (64, 128), (72, 128)])
def test_resnext_widths_are_those_of_32x4d(base, mid):
    nodes, _ = wire(CodedBackbone("Xbottleneck", base, ("1", "1", "1", "1")))
    assert {(n.spec.get_int("mid_channels"), n.spec.get_int("groups")) for n in nodes[2:]} == {
        (mid, 32)
    }


@pytest.mark.parametrize("block", CODED_BLOCKS)
def test_the_last_stage_runs_on_boxes(block):
    backbone = CodedBackbone(block, 48, ("12", "21", "1", "21"))
    _, ends = wire(backbone)
    graph = GraphBuilder((64, 96), 80, 1, "fp32", backbone)
    rois = ("rois", TensorSpec((7, ends[2][1].shape[1], 14, 14)))
    ref, tensor = backbone.build_last_stage(graph, "roi_stage", "head", rois)
    assert (ref, tensor.shape) == ("roi_stage_b1", (7, ends[3][1].shape[1], 7, 7))


@pytest.mark.parametrize("norm", ["bn", "gn", "gn_ws"])
@pytest.mark.parametrize("block", CODED_BLOCKS)
def test_every_module_has_the_norm(block, norm):
    nodes, _ = wire(CodedBackbone(block, 48, ("1", "21", "21", "12"), norm))
    assert {n.spec.get_str("norm") for n in nodes} == {norm}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"block": "basic"}, "one of basicblock, bottleneck, Xbottleneck, MBblock, got 'basic'"),
        ({"norm": "none"}, "norm must be one of bn, gn, gn_ws, got 'none'"),
        ({"base_channels": 57}, "an even int >= 2 with basicblock, got 57"),
        ({"base_channels": 0}, "an even int >= 2"),
        ({"base_channels": 48.0}, "an even int >= 2 with basicblock, got 48.0"),
        (
            {"block": "Xbottleneck", "base_channels": 8},
            "an even int >= 16 with Xbottleneck, got 8",
        ),
        ({"groups": ("1", "21", "21")}, r"tuple of 4 texts .* got \('1', '21', '21'\)"),
        ({"groups": "1-21-21-12"}, "tuple of 4 texts"),
        ({"groups": ("1", "21", "", "12")}, r"groups\[2\] must be one or more of 1 .*, got ''"),
        ({"groups": ("1", "21", "13", "12")}, r"groups\[2\] .*, got '13'"),
    ],
)
def test_networks_that_cannot_exist_are_refused(changes, match):
    values = {"block": "basicblock", "base_channels": 64, "groups": ("1", "21", "21", "12")}
    with pytest.raises(ModuleSpecError, match=match):
        CodedBackbone(**{**values, **changes})
