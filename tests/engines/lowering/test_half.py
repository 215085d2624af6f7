"""What is written in half is compared with the graph as it was, on onnxruntime."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from engines import (
    MAX_HALF,
    EngineBuildError,
    half_nodes,
    largest_weights,
    prepared_model,
    to_half,
)

Run = Callable[..., list[Any]]


def test_half_is_close_and_coordinates_stay_exact(content: bytes, run: Run) -> None:
    features, boxes = run(content)
    half_features, half_boxes = run(to_half(content))
    assert half_features.dtype == half_boxes.dtype == np.float32
    assert 0 < np.abs(half_features - features).max() < 0.01
    # In half precision numbers from 1024 to 2048 are whole.
    assert np.abs(half_boxes - boxes).max() < 0.01
    assert np.abs(boxes - np.round(boxes)).max() > 0.1


def test_which_nodes_are_half(content: bytes) -> None:
    graph = onnx.load_from_string(content).graph
    kinds = {node.name: node.op_type for node in graph.node}
    half = sorted(kinds[name] for name in half_nodes(graph))
    assert half.count("Conv") == 2
    assert "MatMul" in half
    # The residual and the bias of the linear layer; neither the decoder's sum nor its product.
    total = sum(kind == "Add" for kind in kinds.values())
    assert "Mul" not in half
    assert half.count("Add") == 1 < total


def test_a_kept_node_and_what_follows_it_stay_in_float32(content: bytes, run: Run) -> None:
    graph = onnx.load_from_string(prepared_model(content)).graph
    first, second = (node.name for node in graph.node if node.op_type == "Conv")
    left = half_nodes(graph) - half_nodes(graph, {first})
    kinds = [node.op_type for node in graph.node if node.name in left]
    # The first relu, and the residual that adds what the first convolution gives.
    assert kinds[:2] == ["Conv", "Relu"]
    assert "Add" in kinds
    assert second not in left
    written = to_half(prepared_model(content), half_nodes(graph, {first}))
    types = {t.name: t.data_type for t in onnx.load_from_string(written).graph.initializer}
    assert types["first.weight"] == TensorProto.FLOAT
    assert types["second.weight/half"] == TensorProto.FLOAT16
    assert np.abs(run(written)[0] - run(content)[0]).max() < 0.01


def test_nothing_in_half_is_the_model_itself(content: bytes, run: Run) -> None:
    for before, after in zip(run(content), run(to_half(content, ())), strict=True):
        np.testing.assert_array_equal(before, after)


def test_half_weights_are_stored_once_and_in_half(content: bytes) -> None:
    halved = onnx.load_from_string(to_half(content)).graph
    kinds = {t.name: t.data_type for t in halved.initializer if len(t.dims) == 4}
    assert len(kinds) == 2
    assert set(kinds.values()) == {TensorProto.FLOAT16}


def test_a_weight_beyond_half_is_named(
    net: torch.nn.Module, write: Callable[[torch.nn.Module], bytes]
) -> None:
    net.first.weight.data[0, 0, 0, 0] = 1e6
    content = write(net)
    with pytest.raises(
        EngineBuildError, match=r"weight 'first.weight' reaches 1e\+06, beyond half"
    ):
        to_half(content)
    graph = onnx.load_from_string(content).graph
    largest = largest_weights(graph, half_nodes(graph))
    beyond = [name for name, reach in largest.items() if reach > MAX_HALF]
    assert largest[beyond[0]] == 1e6
    assert len(beyond) == 1
    to_half(content, half_nodes(graph, beyond))


def test_the_model_notes_its_precision(content: bytes) -> None:
    noted = {p.key: p.value for p in onnx.load_from_string(to_half(content)).metadata_props}
    assert noted["precision"] == "fp16"
