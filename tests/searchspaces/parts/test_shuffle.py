from dataclasses import replace

import pytest

from searchspaces import ModuleSpecError, ShuffleBackbone, TensorSpec, cost_of, outputs_of
from tests.searchspaces.small_detectors import BACKBONE, build_backbone, builder


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


def test_the_last_stage_runs_on_any_map_under_any_name():
    graph = builder()
    out = BACKBONE.build_last_stage(graph, "roi_stage", "head", ("x", TensorSpec((6, 128, 14, 9))))
    assert out == ("roi_stage_b1", TensorSpec((6, 256, 7, 5)))
    assert [(n.name, n.part) for n in graph.nodes] == [
        ("roi_stage_b0", "head"),
        ("roi_stage_b1", "head"),
    ]
    whole = builder()
    build_backbone(whole)
    for mine, theirs in zip(graph.nodes, whole.nodes[-2:], strict=True):
        assert mine.spec.params == theirs.spec.params


def test_a_stage_without_operations_gives_the_map_before():
    bare = ShuffleBackbone(16, (32, 64, 128, 256), ((0,), (), (0,), ()))
    assert [t.shape[1] for _, t in build_backbone(builder(), bare)] == [32, 32, 128, 128]


@pytest.mark.parametrize(
    ("channels", "ops"),
    [((32, 64), ((0,),) * 2), ((32, 64, 128, 256), ((0,),) * 3), ((32,) * 5, ((0,),) * 4)],
)
def test_a_backbone_has_four_stages(channels, ops):
    match = f"has 4 stages, .* got {len(channels)} widths and {len(ops)} lists"
    with pytest.raises(ModuleSpecError, match=match):
        ShuffleBackbone(16, channels, ops)


def test_only_another_norm_is_named():
    blocks = {}
    for norm in ("bn", "gn_ws"):
        graph = builder()
        build_backbone(graph, replace(BACKBONE, norm=norm))
        blocks[norm] = [node.spec for node in graph.nodes]
    assert not any("norm" in dict(spec.params) for spec in blocks["bn"][1:])
    assert {spec.get_str("norm") for spec in blocks["gn_ws"]} == {"gn_ws"}
    for plain, other in zip(blocks["bn"], blocks["gn_ws"], strict=True):
        assert cost_of(plain) == cost_of(other)
        assert outputs_of(plain) == outputs_of(other)
    with pytest.raises(ModuleSpecError, match=r"ShuffleBackbone\.norm"):
        replace(BACKBONE, norm="ln")
    wrong = tuple(sorted((dict(blocks["gn_ws"][1].params) | {"norm": "ln"}).items()))
    with pytest.raises(ModuleSpecError, match="norm"):
        outputs_of(replace(blocks["gn_ws"][1], params=wrong))
