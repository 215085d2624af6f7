"""Graphs for onnxruntime's integer kernels: what is quantised, what is not, how close it is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from engines import (
    NATIVE_OPERATORS,
    EngineBuildError,
    calibrate,
    natively_quantizable,
    prepared_model,
    to_onnx,
    with_native_quantization,
)

Run = Callable[..., list[Any]]


@pytest.fixture
def ready(content: bytes) -> bytes:
    return prepared_model(content)


@pytest.fixture
def ranges(ready: bytes, image: np.ndarray) -> dict[str, tuple[float, float]]:
    return calibrate(ready, [{"image": image}], operators=NATIVE_OPERATORS)


def kinds_of(content: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(content).graph.node]


def names_of(content: bytes, kind: str) -> list[str]:
    graph = onnx.load_from_string(content).graph
    return [node.name for node in graph.node if node.op_type == kind]


def test_a_last_layer_stays_in_float32(ready: bytes) -> None:
    """What is decoded to coordinates; features of the same detector are an output."""
    graph = onnx.load_from_string(ready).graph
    assert natively_quantizable(graph) == tuple(names_of(ready, "Conv"))


def test_a_part_that_ends_in_a_product_is_quantised(image: np.ndarray) -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU()).eval()
    content = prepared_model(to_onnx(net, {"image": image}, ("y",)).SerializeToString())
    graph = onnx.load_from_string(content).graph
    assert len(natively_quantizable(graph)) == 1


def test_it_is_close_and_coordinates_stay_exact(
    ready: bytes, ranges: dict[str, tuple[float, float]], run: Run
) -> None:
    quantised = with_native_quantization(ready, ranges)
    kinds = kinds_of(quantised)
    assert "Relu" not in kinds  # unsigned bytes begin at zero
    for found, exact in zip(run(quantised), run(ready), strict=True):
        # Boxes lie around 2000; a byte for each would be steps of eight.
        assert 0 < np.abs(found - exact).max() < 0.1
    model = onnx.load_from_string(quantised)
    onnx.checker.check_model(model, full_check=True)
    assert {p.key: p.value for p in model.metadata_props} == {"precision": "int8"}


def test_kept_nodes_are_left_alone(
    ready: bytes, ranges: dict[str, tuple[float, float]], run: Run
) -> None:
    first, second = names_of(ready, "Conv")
    quantised = with_native_quantization(ready, ranges, {second})
    made = {out: n for n in onnx.load_from_string(quantised).graph.node for out in n.output}
    left = next(node for node in made.values() if node.name == second)
    assert left.input[1] not in made
    assert natively_quantizable(onnx.load_from_string(ready).graph, {second}) == ()
    everything = with_native_quantization(ready, ranges, {first, second})
    for before, after in zip(run(ready), run(everything), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_tensor_without_a_finite_range_is_named(
    ready: bytes, ranges: dict[str, tuple[float, float]]
) -> None:
    ranges["image"] = (-np.inf, 1.0)
    with pytest.raises(EngineBuildError, match="tensor 'image' reaches inf"):
        with_native_quantization(ready, ranges)
    del ranges["image"]
    with pytest.raises(EngineBuildError, match="cannot be quantised"):
        with_native_quantization(ready, ranges)
