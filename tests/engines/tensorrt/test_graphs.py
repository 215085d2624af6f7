"""What TensorRT needs to know of a graph before it reads it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from engines import EngineBuildError
from engines.lowering import lower
from engines.tensorrt.graphs import Written, fold_identities, free_nodes, written_in
from tests.engines.tensorrt.models import IMAGE, RNG, content_of, two_heads


def run(content: bytes, feeds: Mapping[str, Any]) -> list[Any]:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return list(session.run(None, dict(feeds)))


def shared_weight_model() -> bytes:
    """A weight used by two convolutions by way of identities, one of them a graph output."""
    nodes = [
        helper.make_node("Identity", ["w"], ["w1"]),
        helper.make_node("Identity", ["w1"], ["w2"]),
        helper.make_node("Conv", ["image", "w2"], ["a"]),
        helper.make_node("Identity", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w1"], ["y"]),
        helper.make_node("Identity", ["w"], ["kept"]),
    ]
    return content_of(
        nodes,
        [("image", TensorProto.FLOAT, IMAGE.shape)],
        [("y", TensorProto.FLOAT, IMAGE.shape), ("kept", TensorProto.FLOAT, (3, 3, 1, 1))],
        w=RNG.standard_normal((3, 3, 1, 1)).astype(np.float32),
    )


def test_identities_of_weights_are_folded() -> None:
    content = shared_weight_model()
    folded = fold_identities(content)
    graph = onnx.load_from_string(folded).graph
    assert [node.op_type for node in graph.node] == ["Conv", "Identity", "Conv", "Identity"]
    assert [node.input[1] for node in graph.node if node.op_type == "Conv"] == ["w", "w"]
    for before, after in zip(*(run(c, {"image": IMAGE}) for c in (content, folded)), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_graph_without_them_stays_byte_for_byte() -> None:
    content = two_heads().onnx_bytes()
    assert fold_identities(content) == content


def test_which_nodes_a_builder_may_lower() -> None:
    content = two_heads().onnx_bytes()
    features = {"/body/Conv", "/body/Relu", "/head/Conv"}
    assert free_nodes(content, "fp16") == {*features, "/head/Sigmoid"}
    assert free_nodes(content, "int8") == features


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_what_a_graph_is_written_in(precision: str) -> None:
    assert written_in(lower(two_heads(), precision).content) == precision


def test_inputs_of_halves_are_halves() -> None:
    model = onnx.load_from_string(two_heads().onnx_bytes())
    for value in model.graph.input:
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    del model.graph.initializer[:]
    assert written_in(model.SerializeToString()) == "fp16"


def test_a_written_graph_has_no_module() -> None:
    graph = Written(b"content", "int8")
    assert (graph.onnx_bytes(), graph.written_in) == (b"content", "int8")
    assert graph.example_inputs() == {}
    with pytest.raises(EngineBuildError, match="no torch module"):
        graph.torch_module()
