"""Quantised graphs: TensorRT's rules one by one, and the arithmetic against NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper, numpy_helper

from engines import (
    EngineBuildError,
    calibrate,
    prepared_model,
    quantizable,
    with_quantization,
)
from engines.lowering.quantized import channel_steps

Run = Callable[..., list[Any]]


def quantised(content: bytes, image: np.ndarray, keep: tuple[str, ...] = ()) -> onnx.ModelProto:
    content = prepared_model(content)
    ranges = calibrate(content, [{"image": image}, {"image": image * 0.5}])
    nodes = quantizable(onnx.load_from_string(content).graph, keep)
    return onnx.load_from_string(with_quantization(content, ranges, nodes))


def test_as_tensorrt_asks(content: bytes, image: np.ndarray, run: Run) -> None:
    model = quantised(content, image)
    onnx.checker.check_model(model, full_check=True)
    weights = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    made = {out: node for node in model.graph.node for out in node.output}
    quantisers = [n for n in model.graph.node if n.op_type.endswith("QuantizeLinear")]
    assert all(weights[node.input[2]].dtype == np.int8 for node in quantisers)
    assert all(np.all(weights[node.input[2]] == 0) for node in quantisers)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 2
    for node in convolutions:
        data, weight = (made[name] for name in node.input[:2])
        assert made[data.input[0]].op_type == "QuantizeLinear"
        assert weight.op_type == "DequantizeLinear"
        assert weights[weight.input[0]].dtype == np.int8
        assert np.abs(weights[weight.input[0]].astype(int)).max() == 127
        assert weights[weight.input[1]].shape == (8,)  # one scale per output channel
        assert weights[node.input[2]].dtype == np.float32  # the bias
    features = run(content)[0]
    error = np.abs(run(model.SerializeToString())[0] - features).max()
    assert 0 < error < 0.1 * np.abs(features).max()


def test_weights_are_stored_in_one_byte(content: bytes, image: np.ndarray) -> None:
    names = {t.name: t.data_type for t in quantised(content, image).graph.initializer}
    assert "first.weight" not in names
    assert names["first.weight/axis0/int8"] == TensorProto.INT8


def test_a_kept_node_reads_its_tensors_as_they_were(content: bytes, image: np.ndarray) -> None:
    graph = onnx.load_from_string(prepared_model(content)).graph
    second = [node for node in graph.node if node.op_type == "Conv"][1]
    model = quantised(content, image, (second.name,))
    left = next(node for node in model.graph.node if node.name == second.name)
    assert list(left.input) == list(second.input)


def test_readers_of_one_tensor_share_its_quantisation(image: np.ndarray, run: Run) -> None:
    rng = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(rng.standard_normal((2, 3, 1, 1)).astype(np.float32), name)
        for name in ("w0", "w1")
    ]
    nodes = [
        helper.make_node("Conv", ["image", "w0"], ["a"]),
        helper.make_node("Conv", ["image", "w1"], ["b"]),
        helper.make_node("Conv", ["image", "w0"], ["c"]),  # a shared weight, as in an RPN
    ]
    value = helper.make_tensor_value_info
    outputs = [value(name, TensorProto.FLOAT, [1, 2, 8, 10]) for name in "abc"]
    graph = helper.make_graph(
        nodes, "g", [value("image", TensorProto.FLOAT, image.shape)], outputs, weights
    )
    opset = [helper.make_opsetid("", 17)]
    content = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    model = quantised(content, image)
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("QuantizeLinear") == 1
    assert kinds.count("DequantizeLinear") == 3
    found = run(model.SerializeToString())
    np.testing.assert_array_equal(found[0], found[2])


def test_a_product_of_two_activations_is_left_alone() -> None:
    value = helper.make_tensor_value_info
    ends = [value(name, TensorProto.FLOAT, [2, 2]) for name in "abc"]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["c"], name="m")], "g", ends[:2], ends[2:]
    )
    assert quantizable(graph) == ()


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=4, max_side=4),
        elements=st.floats(-1e6, 1e6, width=32),
    ),
    st.integers(0, 1),
)
def test_steps_cover_every_weight(weights: np.ndarray, axis: int) -> None:
    steps = channel_steps(weights, axis)
    assert steps.shape == (weights.shape[axis],)
    assert (steps > 0).all()
    shape = [1] * weights.ndim
    shape[axis] = -1
    whole = np.rint(weights / steps.reshape(shape))
    assert np.abs(whole).max(initial=0) <= 127
    # Half a step, and what float32 makes of it.
    error = np.abs(whole * steps.reshape(shape) - weights)
    assert (error <= steps.reshape(shape) * (0.5 + 1e-4)).all()


def test_a_channel_of_zeros_takes_any_step() -> None:
    weights = np.zeros((2, 3), np.float32)
    weights[1] = 127.0
    np.testing.assert_array_equal(channel_steps(weights, 0), [1.0, 1.0])


@pytest.mark.parametrize(
    ("reach", "message"),
    [(None, "was not calibrated"), (np.inf, "reaches inf: calibrate on images")],
)
def test_a_tensor_without_a_range_is_named(
    content: bytes, image: np.ndarray, reach: float | None, message: str
) -> None:
    content = prepared_model(content)
    ranges = calibrate(content, [{"image": image}])
    if reach is None:
        del ranges["image"]
    else:
        ranges["image"] = (0.0, reach)
    nodes = quantizable(onnx.load_from_string(content).graph)
    with pytest.raises(EngineBuildError, match=f"tensor .image. {message}"):
        with_quantization(content, ranges, nodes)


def test_an_old_opset_is_refused() -> None:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Relu", ["a"], ["b"])],
        "g",
        [value("a", TensorProto.FLOAT, [2])],
        [value("b", TensorProto.FLOAT, [2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
    with pytest.raises(EngineBuildError, match=r"needs opset 13 or later.* has 12"):
        with_quantization(model.SerializeToString(), {}, ())
