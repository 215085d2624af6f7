import json

import pytest
from hypothesis import given, strategies as st

from engines import attribute
from engines.layer_times import LayerTime, owner_of
from engines.tensorrt.attribution import nodes_by_layer

NODES = (
    "/stem/Conv",
    "/stem/Relu",
    "/backbone_s1_b0/conv1/Conv",
    "/backbone_s1_b0/Add",
    "/backbone_s1_b1/conv1/Conv",
    "Identity_3",
)
MODULES = ("stem", "backbone_s1_b0", "backbone_s1_b1")


@pytest.mark.parametrize(
    ("node", "owner"),
    [
        ("/stem/Conv", "stem"),
        ("/stem", "stem"),
        ("/nodes.4/stem/conv/Conv", "stem"),
        ("/nodes/nodes.backbone_s1_b0/conv1/Conv", "backbone_s1_b0"),
        ("/backbone_s1_b01/Conv", None),
        ("/stems/Conv", None),
        ("Identity_3", None),
        ("", None),
    ],
)
def test_owner(node: str, owner: str | None) -> None:
    assert owner_of(node, set(MODULES)) == owner


@pytest.mark.parametrize(
    ("layer", "nodes"),
    [
        ("/stem/Conv", ("/stem/Conv",)),
        ("/stem/Conv + /stem/Relu", ("/stem/Conv", "/stem/Relu")),
        ("PWN(/stem/Relu)", ("/stem/Relu",)),
        ("PWN(PWN(/stem/Relu), /backbone_s1_b0/Add)", ("/stem/Relu", "/backbone_s1_b0/Add")),
        (
            "{ForeignNode[/stem/Conv.../backbone_s1_b0/Add]}",
            ("/stem/Conv", "/backbone_s1_b0/Add"),
        ),
        ("Reformatting CopyNode for Input Tensor 0 to /stem/Conv + /stem/Relu", NODES[:2]),
        ("__myl_Conv_myl0_1", ()),
        ("", ()),
    ],
)
def test_nodes_in_the_names_of_layers(layer: str, nodes: tuple[str, ...]) -> None:
    assert nodes_by_layer("", [layer], NODES) == {layer: nodes}


def test_what_the_engine_tells_goes_first() -> None:
    told = {
        "Layers": [
            {
                "Name": "__myl_Conv_myl0_1",
                "Metadata": "[ONNX Layer: /stem/Conv]\x1e[ONNX Layer: /stem/Relu]",
            },
            {"Name": "/stem/Relu", "Metadata": ""},
            "a layer of an engine without detail",
        ]
    }
    found = nodes_by_layer(json.dumps(told), ["__myl_Conv_myl0_1", "/stem/Relu", "else"], NODES)
    assert found == {
        "__myl_Conv_myl0_1": ("/stem/Conv", "/stem/Relu"),
        "/stem/Relu": ("/stem/Relu",),
        "else": (),
    }


def test_times_by_module() -> None:
    layers = [
        LayerTime("a", 1.0, ("/stem/Conv", "/stem/Relu")),
        LayerTime("b", 2.0, ("/backbone_s1_b0/Add",)),
        LayerTime("c", 4.0, ("/backbone_s1_b0/conv1/Conv",)),
        LayerTime("d", 8.0, ("/backbone_s1_b1/conv1/Conv", "/backbone_s1_b0/Add")),
        LayerTime("e", 16.0, ("Identity_3",)),
        LayerTime("f", 32.0),
    ]
    times = attribute(layers, MODULES)
    assert times.modules == {"stem": 1.0, "backbone_s1_b0": 6.0}
    assert times.shared == {("backbone_s1_b0", "backbone_s1_b1"): 8.0}
    assert times.unattributed == {"e": 16.0, "f": 32.0}
    assert times.rows() == [
        ("stem", 1.0),
        ("backbone_s1_b0", 6.0),
        ("backbone_s1_b0 + backbone_s1_b1", 8.0),
        ("(unattributed)", 48.0),
    ]
    assert times.total_ms == 63.0


def test_nothing_is_nothing() -> None:
    assert attribute([], MODULES).rows() == [("(unattributed)", 0.0)]
    assert attribute([LayerTime("a", 1.0, ("/stem/Conv",))], []).unattributed == {"a": 1.0}


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.integers(0, 64),  # exact in binary: sums do not depend on their order
            st.lists(st.sampled_from(NODES), max_size=3),
        )
    )
)
def test_no_time_is_lost(rows: list[tuple[str, int, list[str]]]) -> None:
    layers = [LayerTime(name, float(ms), tuple(nodes)) for name, ms, nodes in rows]
    times = attribute(layers, MODULES)
    assert times.total_ms == sum(layer.ms for layer in layers)
    assert sum(ms for _, ms in times.rows()) == times.total_ms
