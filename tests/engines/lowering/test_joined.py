"""Concatenations in int8: OpenVINO quantises them as the graph says, whatever the scale."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines import OnnxModel, calibrate, get_backend, quantizable, with_quantization

Run = Callable[..., list[Any]]
REACH = 0.3
"""Rounded to whole numbers, everything that follows would be 0 or 1."""


def joined(*, behind_relu: bool) -> bytes:
    """Half of the channels beside a convolution of the others, as in a ShuffleNet's block."""
    rng = np.random.default_rng(0)
    shapes = {
        "w0": (8, 3, 3, 3),
        "w1": (4, 4, 1, 1),
        "w2": (3, 8, 1, 1),
        "w3": (8, 1, 3, 3),
    }
    weights = [
        numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32) / 4, name)
        for name, shape in shapes.items()
    ]
    ends = {"zero": 0, "one": 1, "eight": 8, "two": 2}
    weights += [numpy_helper.from_array(np.array([v], np.int64), n) for n, v in ends.items()]
    read = "positive" if behind_relu else "both"
    nodes = [
        helper.make_node("Conv", ["image", "w0"], ["stem"], name="c0", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["stem"], ["all"], name="r0"),
        helper.make_node("Slice", ["all", "zero", "eight", "one", "two"], ["even"], name="s0"),
        helper.make_node("Slice", ["all", "one", "eight", "one", "two"], ["odd"], name="s1"),
        helper.make_node("Conv", ["odd", "w1"], ["first"], name="c1"),
        helper.make_node("Relu", ["first"], ["right"], name="r1"),
        helper.make_node("Concat", ["even", "right"], ["both"], name="join", axis=1),
        *([helper.make_node("Relu", ["both"], [read], name="r2")] if behind_relu else []),
        helper.make_node("Conv", [read, "w2"], ["a"], name="c2"),
        helper.make_node(
            "Conv", [read, "w3"], ["b"], name="c3", group=8, strides=[2, 2], pads=[1, 1, 1, 1]
        ),
    ]
    value = helper.make_tensor_value_info
    outputs = [
        value("a", TensorProto.FLOAT, [1, 3, 8, 8]),
        value("b", TensorProto.FLOAT, [1, 8, 4, 4]),
    ]
    inputs = [value("image", TensorProto.FLOAT, [1, 3, 8, 8])]
    graph = helper.make_graph(nodes, "joined", inputs, outputs, weights)
    opset = [helper.make_opsetid("", 17)]
    made = helper.make_model(graph, opset_imports=opset, ir_version=8)
    return bytes(made.SerializeToString())


def image() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {"image": rng.uniform(-REACH, REACH, (1, 3, 8, 8)).astype(np.float32)}


def quantised(content: bytes) -> bytes:
    nodes = quantizable(onnx.load_from_string(content).graph)
    return with_quantization(content, calibrate(content, [image()], "minmax"), nodes)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one.ravel() @ other.ravel() / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("behind_relu", [False, True])
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_every_engine_keeps_to_the_scale(run: Run, engine: str, *, behind_relu: bool) -> None:
    pytest.importorskip(engine)
    content = joined(behind_relu=behind_relu)
    exact = run(content, image())
    model = OnnxModel(quantised(content), image(), written_in="int8")
    with get_backend(engine).build(model, precision="int8") as built:
        found = built.run(image())
    for name, wanted in zip("ab", exact, strict=True):
        assert cosine(found[name], wanted) > 0.999


def test_the_bound_changes_nothing(run: Run) -> None:
    content = quantised(joined(behind_relu=False))
    plain = onnx.load_from_string(content)
    (bound,) = [node for node in plain.graph.node if node.op_type == "Max"]
    for node in plain.graph.node:
        node.input[:] = [
            bound.input[0] if name == bound.output[0] else name for name in node.input
        ]
    plain.graph.node.remove(bound)
    unread = next(t for t in plain.graph.initializer if t.name == bound.input[1])
    plain.graph.initializer.remove(unread)
    for scale in (1.0, 3.0, 1e6):
        feeds = {"image": image()["image"] * np.float32(scale)}
        found, wanted = run(content, feeds), run(plain.SerializeToString(), feeds)
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(one, other)


def test_only_what_is_joined_is_bounded(content: bytes) -> None:
    batch = {"image": np.random.default_rng(0).standard_normal((1, 3, 8, 10)).astype(np.float32)}
    nodes = quantizable(onnx.load_from_string(content).graph)
    made = onnx.load_from_string(with_quantization(content, calibrate(content, [batch]), nodes))
    assert "Max" not in [node.op_type for node in made.graph.node]
