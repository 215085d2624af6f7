"""What is done to an ONNX graph before TensorRT reads it; runs without TensorRT. Imports onnx."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ..base import Arrays
from ..errors import EngineBuildError, foreign_errors

# What a GPU's tensor cores compute, and what follows it without leaving half precision.
HALF_SOURCES = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
HALF_FOLLOWERS = frozenset(
    {
        "Add",
        "AveragePool",
        "BatchNormalization",
        "Clip",
        "Concat",
        "Flatten",
        "GlobalAveragePool",
        "LeakyRelu",
        "MaxPool",
        "Mul",
        "Relu",
        "Reshape",
        "Resize",
        "Sigmoid",
        "Transpose",
    }
)
_BINARY = frozenset({"Add", "Mul"})
_SHAPED = frozenset({"Reshape", "Resize"})  # inputs after the first are shapes and scales
MAX_HALF = float(np.finfo(np.float16).max)
_HALF = "/half"
# Quantised: what has int8 kernels. Everything else computes on as it was.
QUANTIZED = ("Conv", "Gemm", "MatMul")


def fold_identities(content: bytes) -> bytes:
    """Replace every ``Identity`` of an initializer by the initializer.

    The TorchScript exporter writes weights that two modules share like this, and a convolution
    whose weights are no initializer is built by TensorRT as one with weights computed at run time.
    """
    model = onnx.load_from_string(content)
    graph = model.graph
    outputs = {value.name for value in graph.output}
    weights = {tensor.name for tensor in graph.initializer}
    renamed: dict[str, str] = {}
    for node in graph.node:
        if node.op_type == "Identity" and node.output[0] not in outputs:
            source = renamed.get(node.input[0], node.input[0])
            if source in weights:
                renamed[node.output[0]] = source
    if not renamed:
        return content
    kept = [node for node in graph.node if node.output[0] not in renamed]
    for node in kept:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    del graph.node[:]
    graph.node.extend(kept)
    return bytes(model.SerializeToString())


def to_half(content: bytes) -> bytes:
    """Write convolutions and matrix products, and what follows them, in half precision.

    For strongly typed networks, where the graph says what is computed how. As torch's autocast:
    inputs and outputs stay float32, and so does arithmetic on coordinates, which half precision
    rounds to whole pixels above 1024: a sum or product with a constant or with a float32 tensor is
    not computed in half. Weights are stored in half where only such nodes use them.

    Raises:
        EngineBuildError: A weight is beyond half precision, or the graph cannot be converted.
    """
    model = onnx.load_from_string(content)
    for index, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
    with foreign_errors(EngineBuildError, "the model cannot be converted to half precision"):
        _Halver(model.graph).convert()
        del model.graph.value_info[:]  # types changed
        onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


class _Halver:
    """Convert the nodes of :func:`half_nodes`, casting at their borders."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._half = half_nodes(graph)
        self._weights = {tensor.name: tensor for tensor in graph.initializer}
        self._ready: set[str] = set()  # tensors that exist in half
        self._nodes: list[onnx.NodeProto] = []

    def convert(self) -> None:
        wanted = {value.name for value in self._graph.output}
        for node in self._graph.node:
            if node.name not in self._half:
                wanted.update(node.input)
        for node in self._graph.node:
            self._take_in(node)
            self._nodes.append(node)
            if node.name in self._half:
                self._give_out(node, wanted)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        used = {name for node in self._nodes for name in node.input} | wanted
        kept = [tensor for tensor in self._graph.initializer if tensor.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)

    def _take_in(self, node: onnx.NodeProto) -> None:
        if node.name not in self._half:
            return
        last = 1 if node.op_type in _SHAPED else len(node.input)
        for index, name in enumerate(node.input[:last]):
            if name:
                node.input[index] = self._in_half(name)

    def _give_out(self, node: onnx.NodeProto, wanted: set[str]) -> None:
        for index, name in enumerate(node.output):
            if not name:
                continue
            node.output[index] = name + _HALF
            self._ready.add(name)
            if name in wanted:
                self._nodes.append(_cast(name + _HALF, name, onnx.TensorProto.FLOAT))

    def _in_half(self, name: str) -> str:
        """Return the name of a tensor in half precision, making it if need be."""
        if name not in self._ready:
            self._ready.add(name)
            weight = self._weights.get(name)
            if weight is None:
                self._nodes.append(_cast(name, name + _HALF, onnx.TensorProto.FLOAT16))
            else:
                self._graph.initializer.append(_half_weight(weight))
        return name + _HALF


def _cast(source: str, target: str, kind: int) -> onnx.NodeProto:
    return onnx.helper.make_node("Cast", [source], [target], name=f"{target}/Cast", to=kind)


def _half_weight(weight: onnx.TensorProto) -> onnx.TensorProto:
    values = onnx.numpy_helper.to_array(weight)
    largest = float(np.abs(values).max(initial=0.0))
    if largest > MAX_HALF:
        raise EngineBuildError(
            f"weight {weight.name!r} reaches {largest:g}, beyond half precision ({MAX_HALF:g})"
        )
    return onnx.numpy_helper.from_array(values.astype(np.float16), weight.name + _HALF)


def exact_nodes(content: bytes) -> frozenset[str]:
    """Return the names of the nodes that must not be computed in half: those that stay exact."""
    graph = onnx.load_from_string(content).graph
    return frozenset(node.name for node in graph.node if node.name) - half_nodes(graph)


def half_nodes(graph: onnx.GraphProto) -> frozenset[str]:
    """Return the names of the nodes that :func:`to_half` converts."""
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {n.output[0] for n in graph.node if n.op_type in ("Constant", "Identity")}
    names: set[str] = set()
    tensors: set[str] = set()
    for node in graph.node:
        if node.op_type in HALF_SOURCES or _follows(node, tensors, constants):
            names.add(node.name)
            tensors.update(node.output)
    return frozenset(names)


def _follows(node: onnx.NodeProto, half: set[str], constants: set[str]) -> bool:
    if node.op_type not in HALF_FOLLOWERS:
        return False
    given = [name for name in node.input if name]
    data = given if node.op_type in _BINARY else [n for n in given if n not in constants]
    if node.op_type in (*_SHAPED, "Clip"):
        data = given[:1]  # the rest are shapes, scales and bounds
    return bool(data) and all(name in half for name in data)


def with_quantization(content: bytes, batches: Sequence[Arrays]) -> bytes:
    """Insert QuantizeLinear and DequantizeLinear around convolutions and matrix products.

    For TensorRT 11, which has no calibrators, with what TensorRT asks of a graph: int8, symmetric
    (zero point 0), weights by channel, biases left alone. Ranges are chosen by entropy on the CPU.

    Args:
        content: The serialised model.
        batches: Arrays by input name; the ranges of all of them together count.

    Raises:
        EngineBuildError: There are no batches, or the model cannot be quantised.
    """
    if not batches:
        raise EngineBuildError("int8 needs at least one batch of arrays to calibrate on")
    from onnxruntime import quantization

    with (
        ExitStack() as stack,
        tempfile.TemporaryDirectory() as folder,
        foreign_errors(EngineBuildError, "the model cannot be quantised"),
    ):
        target = Path(folder) / "quantised.onnx"
        stack.enter_context(redirect_stdout(io.StringIO()))  # onnxruntime prints its progress
        quantization.quantize_static(
            _inferred(content),
            str(target),
            Reader(batches),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTIZED),
            per_channel=True,
            activation_type=quantization.QuantType.QInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.Entropy,
            extra_options={
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "QuantizeBias": False,
                "OpTypesToExcludeOutputQuantization": list(QUANTIZED),
            },
        )
        return target.read_bytes()


def _inferred(content: bytes) -> onnx.ModelProto:
    """Return the model with inferred shapes, marked as onnxruntime marks what it prepared."""
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(content))
    onnx.helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
    return model


class Reader:
    """Hand batches to onnxruntime's calibration, one at a time."""

    def __init__(self, batches: Sequence[Arrays]) -> None:
        self._batches: Iterator[Arrays] = iter(batches)

    def get_next(self) -> dict[str, Any] | None:
        """Return the next batch, None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else dict(batch)
