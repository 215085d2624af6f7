"""What is done to the graph is compared with the graph as it was, on onnxruntime."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from engines import EngineBuildError, to_onnx
from engines.tensorrt.graphs import fold_identities, half_nodes, to_half, with_quantization

RNG = np.random.default_rng(0)
IMAGE = RNG.standard_normal((1, 3, 8, 10)).astype(np.float32)


class Net(torch.nn.Module):
    """Convolutions with a residual, a pool and a decoder of coordinates beyond 1024."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.second = torch.nn.Conv2d(8, 8, 3, padding=1)
        self.linear = torch.nn.Linear(8, 4)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.relu(self.first(image))
        x = torch.nn.functional.max_pool2d(torch.relu(self.second(x) + x), 2)
        deltas = self.linear(x.flatten(2).transpose(1, 2))
        boxes = deltas * 0.125 + 1999.5
        return x, boxes


def content_of(net: torch.nn.Module) -> bytes:
    return to_onnx(net, {"image": IMAGE}, ("features", "boxes")).SerializeToString()


def run(content: bytes, feeds: Mapping[str, Any]) -> list[Any]:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, dict(feeds))


def types(content: bytes) -> set[str]:
    return {node.op_type for node in onnx.load_from_string(content).graph.node}


def shared_weight_model() -> bytes:
    """A weight used by two convolutions by way of identities, one of them a graph output."""
    weight = numpy_helper.from_array(RNG.standard_normal((3, 3, 1, 1)).astype(np.float32), "w")
    nodes = [
        helper.make_node("Identity", ["w"], ["w1"]),
        helper.make_node("Identity", ["w1"], ["w2"]),
        helper.make_node("Conv", ["image", "w2"], ["a"]),
        helper.make_node("Identity", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w1"], ["y"]),
        helper.make_node("Identity", ["w"], ["kept"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 10])
    outputs = [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 8, 10]),
        helper.make_tensor_value_info("kept", TensorProto.FLOAT, [3, 3, 1, 1]),
    ]
    graph = helper.make_graph(nodes, "shared", [image], outputs, [weight])
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def test_identities_of_weights_are_folded() -> None:
    content = shared_weight_model()
    folded = fold_identities(content)
    graph = onnx.load_from_string(folded).graph
    assert [node.op_type for node in graph.node] == ["Conv", "Identity", "Conv", "Identity"]
    assert [node.input[1] for node in graph.node if node.op_type == "Conv"] == ["w", "w"]
    for before, after in zip(*(run(c, {"image": IMAGE}) for c in (content, folded)), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_graph_without_them_stays_byte_for_byte() -> None:
    content = content_of(Net())
    assert fold_identities(content) == content


def test_half_is_close_and_coordinates_stay_exact() -> None:
    content = content_of(Net())
    features, boxes = run(content, {"image": IMAGE})
    half_features, half_boxes = run(to_half(content), {"image": IMAGE})
    assert half_features.dtype == half_boxes.dtype == np.float32
    assert 0 < np.abs(half_features - features).max() < 0.01
    # In half precision numbers from 1024 to 2048 are whole.
    assert np.abs(half_boxes - boxes).max() < 0.01
    assert np.abs(boxes - np.round(boxes)).max() > 0.1


def test_which_nodes_are_half() -> None:
    graph = onnx.load_from_string(content_of(Net())).graph
    kinds = {node.name: node.op_type for node in graph.node}
    half = sorted(kinds[name] for name in half_nodes(graph))
    assert half.count("Conv") == 2
    assert "MatMul" in half
    # The residual and the bias of the linear layer; neither the decoder's sum nor its product.
    assert "Mul" not in half
    total = sum(kind == "Add" for kind in kinds.values())
    assert half.count("Add") == 1 < total


def test_half_weights_are_stored_once_and_in_half() -> None:
    content = content_of(Net())
    halved = onnx.load_from_string(to_half(content)).graph
    kinds = {t.name: t.data_type for t in halved.initializer if len(t.dims) == 4}
    assert len(kinds) == 2
    assert set(kinds.values()) == {TensorProto.FLOAT16}


def test_a_weight_beyond_half_is_named() -> None:
    net = Net()
    net.first.weight.data[0, 0, 0, 0] = 1e6
    with pytest.raises(
        EngineBuildError, match=r"weight 'first.weight' reaches 1e\+06, beyond half"
    ):
        to_half(content_of(net))


def test_quantised_as_tensorrt_asks() -> None:
    content = content_of(Net())
    batches = [{"image": IMAGE}, {"image": IMAGE * 0.5}]
    quantised = with_quantization(content, batches)
    model = onnx.load_from_string(quantised)
    onnx.checker.check_model(model, full_check=True)
    weights = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    made = {out: node for node in model.graph.node for out in node.output}
    quantisers = [n for n in model.graph.node if n.op_type.endswith("QuantizeLinear")]
    assert all(weights[node.input[2]].dtype == np.int8 for node in quantisers)
    assert all(np.all(weights[node.input[2]] == 0) for node in quantisers)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    for node in convolutions:
        data, weight = (made[name] for name in node.input[:2])
        assert made[data.input[0]].op_type == "QuantizeLinear"
        assert weight.op_type == "DequantizeLinear"
        assert weights[weight.input[1]].shape == (8,)  # one scale per output channel
        assert weights[node.input[2]].dtype == np.float32  # the bias
    features = run(content, {"image": IMAGE})[0]
    error = np.abs(run(quantised, {"image": IMAGE})[0] - features).max()
    assert 0 < error < 0.2 * np.abs(features).max()


def test_quantising_says_nothing_on_the_console(capfd: pytest.CaptureFixture[str]) -> None:
    with_quantization(content_of(Net()), [{"image": IMAGE}])
    assert capfd.readouterr().out == ""


def test_quantising_needs_batches_that_fit() -> None:
    with pytest.raises(EngineBuildError, match="at least one batch"):
        with_quantization(content_of(Net()), [])
    with pytest.raises(EngineBuildError, match="cannot be quantised"):
        with_quantization(content_of(Net()), [{"picture": IMAGE}])
