"""Faults of lower precisions, operated into graphs that are fp16 or int8 already."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import numpy_helper

from .mutation import HALF, INT8, Mutation, Workpiece
from .surgery import constant, nodes_of, set_constant

FP16_LARGEST = 65504.0


def _weights(model: onnx.ModelProto, dtype: type) -> list[onnx.TensorProto]:
    """Return the kernels of a type, in the graph's order."""
    number = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    found = [t for t in model.graph.initializer if t.data_type == number and len(t.dims) == 4]
    if not found:
        raise LookupError(f"no kernel of {np.dtype(dtype)}")
    return found


def _all_halves(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Workpiece], None]:
    def plant(work: Workpiece) -> None:
        for tensor in _weights(work.model, np.float16):
            array = change(numpy_helper.to_array(tensor).copy()).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))

    return plant


def _one_half(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Workpiece], None]:
    def plant(work: Workpiece) -> None:
        tensors = _weights(work.model, np.float16)
        tensor = tensors[len(tensors) // 2]
        array = change(numpy_helper.to_array(tensor).copy()).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))

    return plant


def _largest_saturated(weights: np.ndarray) -> np.ndarray:
    weights.flat[np.abs(weights).argmax()] = FP16_LARGEST
    return weights


def _small_flushed(weights: np.ndarray) -> np.ndarray:
    return np.where(np.abs(weights) < 0.1 * np.abs(weights).max(), 0, weights)


def _three_bits(weights: np.ndarray) -> np.ndarray:
    """Keep three bits after the leading one, as fp8 (e4m3) does."""
    fraction, exponent = np.frexp(weights.astype(np.float64))
    return np.ldexp(np.rint(fraction * 16) / 16, exponent)


def _activations(model: onnx.ModelProto) -> list[tuple[onnx.NodeProto, onnx.NodeProto]]:
    """Return the pairs that quantise an activation and give it back."""
    pairs = []
    for node in nodes_of(model, "QuantizeLinear"):
        readers = [n for n in model.graph.node if node.output[0] in n.input]
        pairs += [(node, reader) for reader in readers if reader.op_type == "DequantizeLinear"]
    return pairs


def _range(factor: float, *, every: bool = False) -> Callable[[Workpiece], None]:
    """Return the planting that changes what one activation, or every one, can hold."""

    def plant(work: Workpiece) -> None:
        pairs = _activations(work.model)
        chosen = pairs if every else pairs[len(pairs) // 2 : len(pairs) // 2 + 1]
        names = {node.input[1] for pair in chosen for node in pair}
        for name in names:
            value = constant(work.model, name)
            set_constant(work.model, name, (value * factor).astype(value.dtype))

    return plant


def _other_scale_back(work: Workpiece) -> None:
    """Give an activation back by a scale that is a half larger than it was taken by."""
    pairs = _activations(work.model)
    _, back = pairs[len(pairs) // 2]
    value = constant(work.model, back.input[1])
    _replace_input(work.model, back, 1, (value * 1.5).astype(value.dtype))


def _other_zero_back(work: Workpiece) -> None:
    """Give an activation back by a zero point that is 16 steps off."""
    pairs = _activations(work.model)
    _, back = pairs[len(pairs) // 2]
    value = constant(work.model, back.input[2])
    _replace_input(work.model, back, 2, (value + 16).astype(value.dtype))


def _replace_input(
    model: onnx.ModelProto, node: onnx.NodeProto, place: int, value: np.ndarray
) -> None:
    name = f"{node.input[place]}_planted"
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    node.input[place] = name


def _scales_rolled(work: Workpiece) -> None:
    """Give a kernel's channels the scales of their neighbours."""
    kernels = {tensor.name for tensor in _weights(work.model, np.int8)}
    nodes = [n for n in nodes_of(work.model, "DequantizeLinear") if n.input[0] in kernels]
    node = nodes[len(nodes) // 2]
    _replace_input(work.model, node, 1, np.roll(constant(work.model, node.input[1]), 1))


def _four_bits(work: Workpiece) -> None:
    """Round every kernel to 4 bits in an engine said to be int8."""
    for tensor in _weights(work.model, np.int8):
        array = numpy_helper.to_array(tensor)
        rounded = (np.rint(array / 16.0) * 16).clip(-128, 127).astype(np.int8)
        tensor.CopyFrom(numpy_helper.from_array(rounded, tensor.name))


def _unsigned(work: Workpiece) -> None:
    """Read one kernel's negative numbers as positive ones."""
    tensors = _weights(work.model, np.int8)
    tensor = tensors[len(tensors) // 2]
    array = np.abs(numpy_helper.to_array(tensor).astype(np.int16)).clip(0, 127).astype(np.int8)
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


CATALOGUE = (
    Mutation(
        "fp16-weight-at-the-end",
        "a weight stands at the end of fp16",
        "weights",
        "graph",
        (HALF,),
        _one_half(_largest_saturated),
    ),
    Mutation(
        "fp16-small-weights-flushed",
        "a kernel has lost its small weights",
        "weights",
        "tensors",
        (HALF,),
        _one_half(_small_flushed),
    ),
    Mutation(
        "fp8-said-to-be-fp16",
        "all kernels are rounded to fp8 in an engine said to be fp16",
        "weights",
        "tensors",
        (HALF,),
        _all_halves(_three_bits),
    ),
    Mutation(
        "int8-range-narrow",
        "an activation is cut at an eighth of its range",
        "graph",
        "tensors",
        (INT8,),
        _range(1 / 8),
    ),
    Mutation(
        "int8-ranges-wide",
        "every activation has a range of an outlier, eight times too wide",
        "graph",
        "tensors",
        (INT8,),
        _range(8.0, every=True),
    ),
    Mutation(
        "int8-ranges-narrow",
        "every activation is cut at half its range, as calibrated on dim images",
        "graph",
        "tensors",
        (INT8,),
        _range(1 / 2, every=True),
    ),
    Mutation(
        "int8-scale-back",
        "an activation is given back by another scale than it was taken by",
        "graph",
        "tensors",
        (INT8,),
        _other_scale_back,
    ),
    Mutation(
        "int8-zero-back",
        "an activation is given back by another zero point than it was taken by",
        "graph",
        "tensors",
        (INT8,),
        _other_zero_back,
    ),
    Mutation(
        "int8-weight-scales-rolled",
        "a kernel's channels have the scales of their neighbours",
        "weights",
        "tensors",
        (INT8,),
        _scales_rolled,
    ),
    Mutation(
        "int4-said-to-be-int8",
        "all kernels are rounded to 4 bits in an engine said to be int8",
        "weights",
        "tensors",
        (INT8,),
        _four_bits,
    ),
    Mutation(
        "int8-sign-lost",
        "a kernel has lost its signs",
        "weights",
        "tensors",
        (INT8,),
        _unsigned,
    ),
)
"""Faults of fp16 and int8."""
