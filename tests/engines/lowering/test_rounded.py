"""Rounding is compared with NumPy's half precision; it must survive the runtime's optimiser."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch

from engines import half_nodes, to_half, with_rounding

Run = Callable[..., list[Any]]


def test_every_tensor_is_rounded_as_numpy_rounds(
    net: torch.nn.Module, content: bytes, run: Run, image: np.ndarray
) -> None:
    graph = onnx.load_from_string(content).graph
    first = [node.name for node in graph.node if node.op_type == "Conv"][:1]
    relu = next(n for n in graph.node if n.op_type == "Relu")
    model = onnx.load_from_string(with_rounding(content, [*first, relu.name]))
    del model.graph.output[:]
    shape = [1, 8, 8, 10]
    float32 = onnx.TensorProto.FLOAT
    value = onnx.helper.make_tensor_value_info(relu.output[0], float32, shape)
    model.graph.output.append(value)
    found = run(model.SerializeToString())[0]

    def half(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array.astype(np.float16).astype(np.float32))

    weight, bias = (half(p.detach().numpy()) for p in (net.first.weight, net.first.bias))
    sums = torch.nn.functional.conv2d(half(image), weight, bias, padding=1).numpy()
    wanted = torch.relu(half(sums)).numpy()
    assert np.array_equal(found, found.astype(np.float16))
    # Sums of another order may fall on the other side of a step.
    assert np.abs(found - wanted).max() <= np.abs(wanted).max() * 2**-10
    assert (found == wanted).mean() > 0.99


def test_nothing_chosen_is_the_model_itself(content: bytes, run: Run) -> None:
    for before, after in zip(run(content), run(with_rounding(content, ())), strict=True):
        np.testing.assert_array_equal(before, after)


def test_what_is_beyond_half_becomes_infinite(
    overflow: torch.nn.Module, write: Callable[[torch.nn.Module], bytes], run: Run
) -> None:
    """Which the same model in half does not show on a CPU that computes it in float32."""
    content = write(overflow)
    nodes = half_nodes(onnx.load_from_string(content).graph)
    assert np.isfinite(run(content)[0]).all()
    assert not np.isfinite(run(with_rounding(content, nodes))[0]).all()


def test_a_weight_beyond_half_becomes_infinite_without_a_warning(
    net: torch.nn.Module, write: Callable[[torch.nn.Module], bytes], run: Run
) -> None:
    net.first.weight.data[0, 0, 0, 0] = 1e6
    content = write(net)
    nodes = half_nodes(onnx.load_from_string(content).graph)
    assert not np.isfinite(run(with_rounding(content, nodes))[0]).all()


def test_it_is_close_to_the_model_in_half(content: bytes, run: Run) -> None:
    nodes = half_nodes(onnx.load_from_string(content).graph)
    rounded, half = run(with_rounding(content, nodes)), run(to_half(content))
    exact = run(content)
    for one, other, wanted in zip(rounded, half, exact, strict=True):
        scale = np.abs(wanted).max()
        assert np.abs(one - other).max() < 0.01 * scale
        assert 0 < np.abs(one - wanted).max() < 0.01 * scale
