from collections import Counter
from dataclasses import replace

import pytest

from searchspaces import (
    Graph,
    ModuleSpec,
    ModuleSpecError,
    Node,
    TensorSpec,
    chain,
    make_space,
    outputs_of,
    reference,
)

MAP = TensorSpec((1, 8, 16, 16))


def block(inputs=MAP, stride=1, out_channels=None, kernel=3):
    channels = inputs.shape[1]
    return ModuleSpec.of(
        "shuffle_block",
        [inputs],
        op="conv",
        kernel=kernel,
        in_channels=channels,
        mid_channels=4,
        out_channels=out_channels or channels * stride,
        stride=stride,
        shuffle="even_odd",
    )


def rpn_head():
    return ModuleSpec.of("rpn_head", [MAP], channels=8, num_anchors=3)


def two_blocks():
    return chain([block(), block(kernel=5)])


@pytest.fixture(scope="module")
def detector_graph():
    space = make_space("detnas-nano")
    return space.detector(space.decode("00-00-0000-11")).graph()


def test_chain_wires_one_after_the_other():
    down = block(stride=2)
    graph = chain([block(), down, block(outputs_of(down)[0])], part="neck")
    assert graph.inputs == (("input_0", MAP),)
    assert [n.inputs for n in graph.nodes] == [("input_0",), ("m0",), ("m1",)]
    assert {n.part for n in graph.nodes} == {"neck"}
    assert graph.outputs == ("m2",)
    assert graph.tensors["m2"] == TensorSpec((1, 16, 8, 8))


def test_chain_of_one_module_takes_any_arity():
    graph = chain([rpn_head()])
    assert graph.outputs == ("m0", "m0:1")
    assert graph.key == rpn_head().key


def test_chain_refuses_nothing():
    with pytest.raises(ModuleSpecError, match="at least one module"):
        chain([])


def test_chain_refuses_modules_that_do_not_fit():
    with pytest.raises(ModuleSpecError, match=r"m1 is given 1x16x8x8 but .* says 1x8x16x16"):
        chain([block(stride=2), block()])


def test_chain_refuses_to_drop_outputs():
    with pytest.raises(ModuleSpecError, match="module 0 of the chain gives 2 tensors"):
        chain([rpn_head(), block()])


def test_chain_refuses_an_unknown_part():
    with pytest.raises(ModuleSpecError, match="part 'tail' of m0 is not one of backbone, neck"):
        chain([block()], part="tail")


def node(name="a", inputs=("x",), spec=None):
    return Node(name, "backbone", spec or block(), inputs)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"nodes": ()}, "got 0 nodes and 1 outputs"),
        ({"outputs": ()}, "got 1 nodes and 0 outputs"),
        ({"outputs": ("a", "b")}, "graph outputs b are made by no node; there are x, a"),
        ({"outputs": ("a:1",)}, "a:1 are made by no node"),
        ({"nodes": (node(), node())}, "are named 'a'"),
        ({"nodes": (node("x"),)}, "are named 'x'"),
        ({"nodes": (node("a.b"),)}, "'a.b' must be an identifier"),
        ({"inputs": (("x", MAP), ("x", MAP))}, "are named 'x'"),
        ({"inputs": (("x:1", MAP),)}, "'x:1' must be an identifier"),
        ({"nodes": (node(inputs=("y",)),)}, "a takes y, which nothing before it gives"),
        ({"nodes": (node(inputs=("b",)), node("b"))}, "a takes b, which nothing before it gives"),
        ({"nodes": (node(inputs=("x", "x")),)}, "a is given 1x8x16x16, 1x8x16x16 but"),
        ({"nodes": (node(inputs=()),)}, "a is given  but"),
        ({"inputs": (("x", replace(MAP, dtype="float16")),)}, "is given 1x8x16x16:float16 but"),
        ({"nodes": (node(spec=ModuleSpec.of("warp", [MAP])),)}, "unknown module kind 'warp'"),
    ],
)
def test_a_wrongly_wired_graph_cannot_be_made(changes, match):
    good = {"inputs": (("x", MAP),), "nodes": (node(),), "outputs": ("a",)}
    assert Graph(**good)
    with pytest.raises(ModuleSpecError, match=match):
        Graph(**{**good, **changes})


def test_counts_are_those_of_a_hand_count(detector_graph):
    counts = detector_graph.counts()
    assert sum(counts.values()) == len(detector_graph.nodes) == 17
    repeated = {n.name: counts[n.spec] for n in detector_graph.nodes if counts[n.spec] > 1}
    assert repeated == dict.fromkeys([f"backbone_s3_b{i}" for i in (1, 2, 3)], 3)
    assert counts == Counter(n.spec for n in detector_graph.nodes)


def test_every_subgraph_of_one_node_is_named_by_its_module(detector_graph):
    for n in detector_graph.nodes:
        single = detector_graph.subgraph([n.name])
        assert single.key == n.spec.key
        assert tuple(t for _, t in single.inputs) == n.spec.inputs
        assert tuple(single.tensors[o] for o in single.outputs) == outputs_of(n.spec)


def test_subgraph_of_everything_is_the_graph(detector_graph):
    assert detector_graph.subgraph({n.name for n in detector_graph.nodes}) == detector_graph


def test_subgraph_inputs_and_outputs(detector_graph):
    cut = detector_graph.subgraph(["rpn_head", "proposals", "box_head"])
    assert [name for name, _ in cut.inputs] == [
        "neck",
        *(f"neck_{i}" for i in (1, 2, 3, 4)),
        "roi_align",
    ]
    assert cut.outputs == ("proposals", "proposals:1", "box_head", "box_head:1")


def test_subgraph_keeps_an_output_that_is_used_inside_and_outside(detector_graph):
    cut = detector_graph.subgraph(["backbone_s1_b1", "backbone_s2_b0"])
    assert cut.outputs == ("backbone_s1_b1", "backbone_s2_b0")  # the neck takes the first


def test_subgraph_input_names_avoid_node_names():
    graph = Graph(
        (("x", MAP),),
        (
            Node("r", "rpn", rpn_head(), ("x",)),
            Node("r_1", "backbone", block(), ("x",)),
            Node("p", "rpn", proposals(), ("r", "r:1")),
        ),
        ("p", "r_1"),
    )
    cut = graph.subgraph(["p", "r_1"])
    assert [name for name, _ in cut.inputs] == ["x", "r", "r_1_"]
    assert cut.nodes[1].inputs == ("r", "r_1_")


def proposals():
    return ModuleSpec.of(
        "proposals",
        outputs_of(rpn_head()),
        image_h=64,
        image_w=64,
        strides="4",
        heights="16",
        widths="16",
        anchor_scales="8",
        ratios="0.5:1:2",
        pre_nms=10,
        post_nms=5,
        nms_iou=0.7,
    )


def test_subgraph_refuses_unknown_names_and_none(detector_graph):
    with pytest.raises(ModuleSpecError, match="no node named nose, tail in the graph"):
        detector_graph.subgraph(["tail", "neck", "nose"])
    with pytest.raises(ModuleSpecError, match="0 nodes"):
        detector_graph.subgraph([])


def test_key_tells_wiring_inputs_and_outputs_apart():
    base = two_blocks()
    both = replace(base, outputs=("m0", "m1"))
    swapped = chain([block(kernel=5), block()])
    parallel = replace(base, nodes=(base.nodes[0], replace(base.nodes[1], inputs=("input_0",))))
    unused = replace(base, inputs=(*base.inputs, ("more", MAP)))
    keys = {graph.key for graph in (base, both, swapped, parallel, unused)}
    assert len(keys) == 5
    assert two_blocks().key == base.key


def test_lines_name_every_node(detector_graph):
    assert len(detector_graph.lines()) == len(detector_graph.nodes)
    assert detector_graph.lines()[0].startswith("backbone_stem|backbone|image|stem_conv(")


def test_reference_names_outputs():
    assert [reference("a", i) for i in range(3)] == ["a", "a:1", "a:2"]
