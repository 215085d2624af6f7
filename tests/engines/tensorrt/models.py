"""Small graphs whose numbers can be told by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines import OnnxModel

OPSET = [helper.make_opsetid("", 17)]
RNG = np.random.default_rng(0)
IMAGE = RNG.standard_normal((1, 3, 8, 10)).astype(np.float32)


def content_of(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[tuple[str, int, Sequence[Any]]],
    outputs: Sequence[tuple[str, int, Sequence[Any]]],
    **weights: np.ndarray,
) -> bytes:
    """Serialise a graph; initializers by name."""
    make = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "graph",
        [make(*value) for value in inputs],
        [make(*value) for value in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return bytes(helper.make_model(graph, opset_imports=OPSET, ir_version=8).SerializeToString())


def two_heads() -> OnnxModel:
    """A convolution, its probabilities, and boxes decoded of it: exp, times and plus constants."""
    node, rng = helper.make_node, np.random.default_rng(1)
    nodes = [
        node("Conv", ["image", "w"], ["maps"], name="/body/Conv"),
        node("Relu", ["maps"], ["features"], name="/body/Relu"),
        node("Conv", ["features", "v"], ["logits"], name="/head/Conv"),
        node("Sigmoid", ["logits"], ["scores"], name="/head/Sigmoid"),
        node("Exp", ["logits"], ["sides"], name="/decode/Exp"),
        node("Mul", ["sides", "stride"], ["boxes"], name="/decode/Mul"),
    ]
    content = content_of(
        nodes,
        [("image", TensorProto.FLOAT, IMAGE.shape)],
        [
            ("scores", TensorProto.FLOAT, (1, 2, 8, 10)),
            ("boxes", TensorProto.FLOAT, (1, 2, 8, 10)),
        ],
        w=rng.standard_normal((4, 3, 1, 1)).astype(np.float32),
        v=rng.standard_normal((2, 4, 1, 1)).astype(np.float32),
        stride=np.float32(16.0),
    )
    return OnnxModel(content, {"image": IMAGE}, name="heads")


def finder() -> OnnxModel:
    """The places of what is above zero: as many rows as there are, and their values."""
    nodes = [
        helper.make_node("Greater", ["x", "zero"], ["above"], name="/Greater"),
        helper.make_node("NonZero", ["above"], ["places"], name="/NonZero"),
        helper.make_node("Squeeze", ["places", "first"], ["rows"], name="/Squeeze"),
        helper.make_node("Gather", ["x", "rows"], ["values"], name="/Gather"),
        helper.make_node("Neg", ["x"], ["minus"], name="/Neg"),
    ]
    content = content_of(
        nodes,
        [("x", TensorProto.FLOAT, (6,))],
        [
            ("places", TensorProto.INT64, (1, "n")),
            ("values", TensorProto.FLOAT, ("n",)),
            ("minus", TensorProto.FLOAT, (6,)),
        ],
        zero=np.float32(0.0),
        first=np.array([0]),
    )
    return OnnxModel(content, {"x": np.ones(6, np.float32)}, name="finder")
