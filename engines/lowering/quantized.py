"""Write an ONNX model in int8: QuantizeLinear and DequantizeLinear around what has int8 kernels.

One graph for onnxruntime, OpenVINO and TensorRT, so it keeps to what TensorRT asks of explicit
quantisation: symmetric (zero point 0), weights by output channel, activations by tensor, biases
and what follows a product left alone. Imports onnx.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from ..errors import EngineBuildError, foreign_errors
from .nodes import name_nodes, note_precision

QUANTIZED = ("Conv", "Gemm", "MatMul")
"""Operators with int8 kernels everywhere; everything else computes on as it was."""

Range = tuple[float, float]

LEVELS = 127
"""Steps on either side of zero; -128 is left out, so that both sides are alike."""

LEAST_OPSET = 13
"""The first with a scale by channel (QuantizeLinear-13)."""


def quantizable(graph: onnx.GraphProto, keep: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names of the nodes that can be quantised, in running order.

    Convolutions and matrix products of float32 whose weights are constants. A product of two
    activations, as in attention, is none.

    Args:
        graph: With named nodes and weights as initializers.
        keep: Names of nodes that stay in float32.
    """
    weights = {t.name: t for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT}
    return tuple(
        node.name
        for node in graph.node
        if node.op_type in QUANTIZED
        and node.name not in keep
        and node.input[0] not in weights
        and node.input[1] in weights
        and (node.op_type != "MatMul" or len(weights[node.input[1]].dims) == 2)
    )


def with_quantization(
    content: bytes, ranges: Mapping[str, Range], nodes: Collection[str]
) -> bytes:
    """Quantise the inputs and the weights of nodes; all others see the tensors as they were.

    Args:
        content: The serialised model, in float32.
        ranges: Tensor name to its ends, of which the larger magnitude becomes the last step, as
            calibration found them.
        nodes: Names of the nodes, all of them :func:`quantizable`.

    Raises:
        EngineBuildError: A tensor was not calibrated or is not finite, or the opset is below 13.
    """
    model = onnx.load_from_string(content)
    name_nodes(model.graph)
    check_opset(model)
    with foreign_errors(EngineBuildError, "the model cannot be quantised"):
        _Quantizer(model.graph, ranges, frozenset(nodes)).convert()
        onnx.checker.check_model(model, full_check=True)
    note_precision(model, "int8")
    return bytes(model.SerializeToString())


class _Quantizer:
    """Put Q/DQ before nodes; one pair a tensor, which its quantised readers share."""

    def __init__(
        self, graph: onnx.GraphProto, ranges: Mapping[str, Range], chosen: frozenset[str]
    ) -> None:
        self._graph = graph
        self._ranges = ranges
        self._chosen = chosen
        self._weights = {tensor.name: tensor for tensor in graph.initializer}
        self._makers = {name: node for node in graph.node for name in node.output}
        self._made: dict[tuple[str, int | None], str] = {}
        self._nodes: list[onnx.NodeProto] = []

    def convert(self) -> None:
        for node in self._graph.node:
            if node.name in self._chosen:
                node.input[0] = self._activation(node.input[0])
                node.input[1] = self._weight(node.input[1], _channel_axis(node))
            self._nodes.append(node)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        used = {name for node in self._nodes for name in node.input}
        used |= {value.name for value in self._graph.output}
        kept = [tensor for tensor in self._graph.initializer if tensor.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)

    def _activation(self, name: str) -> str:
        if (name, None) in self._made:
            return self._made[name, None]
        step = np.float32(_step(max(map(abs, checked_range(name, self._ranges)))))
        scale, zero = self._store(name, step, np.int8(0))
        source = self._bounded(name, step) if self._is_joined(name) else name
        stored = f"{name}/int8"
        quantize = onnx.helper.make_node(
            "QuantizeLinear", [source, scale, zero], [stored], name=f"{name}/QuantizeLinear"
        )
        self._nodes.append(quantize)
        return self._dequantized(name, None, [stored, scale, zero])

    def _is_joined(self, name: str) -> bool:
        """Return whether a tensor is a concatenation, or its positive part."""
        maker = self._makers.get(name)
        if maker is not None and maker.op_type == "Relu":
            maker = self._makers.get(maker.input[0])
        return maker is not None and maker.op_type == "Concat"

    def _bounded(self, name: str, step: np.float32) -> str:
        """Bound a tensor below where its quantisation does so anyway: no number changes.

        OpenVINO 2026.4 moves the quantisation of a concatenation before it, to each part, and on a
        processor whose convolutions take unsigned bytes only it then rounds the parts to whole
        numbers, whatever the scale. Behind a Max it does not (a Clip it takes away first). See
        docs/precision.md.
        """
        bound = np.asarray(-(LEVELS + 1) * step, np.float32)
        least = onnx.numpy_helper.from_array(bound, f"{name}/least")
        self._graph.initializer.append(least)
        made = f"{name}/bounded"
        node = onnx.helper.make_node("Max", [name, least.name], [made], name=f"{name}/Max")
        self._nodes.append(node)
        return made

    def _weight(self, name: str, axis: int) -> str:
        if (name, axis) in self._made:
            return self._made[name, axis]
        values = onnx.numpy_helper.to_array(self._weights[name])
        steps = channel_steps(values, axis)
        shape = [1] * values.ndim
        shape[axis] = -1
        whole = np.rint(values / steps.reshape(shape))
        label = f"{name}/axis{axis}"
        stored = f"{label}/int8"
        clipped = np.clip(whole, -LEVELS, LEVELS).astype(np.int8)
        self._graph.initializer.append(onnx.numpy_helper.from_array(clipped, stored))
        scale, zero = self._store(label, steps, np.zeros(len(steps), np.int8))
        return self._dequantized(name, axis, [stored, scale, zero], label)

    def _dequantized(
        self, name: str, axis: int | None, inputs: list[str], label: str | None = None
    ) -> str:
        label = label or name
        made = self._made[name, axis] = f"{label}/quantized"
        attributes: dict[str, Any] = {} if axis is None else {"axis": axis}
        self._nodes.append(
            onnx.helper.make_node(
                "DequantizeLinear", inputs, [made], name=f"{label}/DequantizeLinear", **attributes
            )
        )
        return made

    def _store(self, label: str, scale: npt.ArrayLike, zero: npt.ArrayLike) -> tuple[str, str]:
        names = f"{label}/scale", f"{label}/zero"
        for name, value in zip(names, (scale, zero), strict=True):
            self._graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value), name))
        return names


def checked_range(name: str, ranges: Mapping[str, Range]) -> Range:
    """Return the ends of a tensor.

    Raises:
        EngineBuildError: It was not calibrated or is not finite.
    """
    ends = ranges.get(name)
    if ends is None:
        raise EngineBuildError(f"tensor {name!r} was not calibrated")
    reach = max(map(abs, ends))
    if not math.isfinite(reach):
        raise EngineBuildError(
            f"tensor {name!r} reaches {reach}: calibrate on images that overflow nowhere"
        )
    return ends


def channel_steps(weights: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    """Return the step of each channel along an axis, (n,); 1 for a channel of zeros."""
    others = tuple(index for index in range(weights.ndim) if index != axis)
    reaches = np.abs(weights).max(axis=others, initial=0.0)
    return np.array([_step(float(reach)) for reach in reaches], np.float32)


def _step(reach: float) -> float:
    # A tensor that is always zero takes any positive step; one that small would be 0 in float32.
    step = reach / LEVELS
    return step if step >= float(np.finfo(np.float32).tiny) else 1.0


def _channel_axis(node: onnx.NodeProto) -> int:
    """Return the axis of the weights that counts the output's channels."""
    if node.op_type == "Conv":
        return 0
    transposed = any(a.name == "transB" and a.i for a in node.attribute)
    return 0 if node.op_type == "Gemm" and transposed else 1


def check_opset(model: onnx.ModelProto) -> None:
    """Refuse a model whose operators cannot be quantised by channel.

    Raises:
        EngineBuildError: Its opset is below 13.
    """
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx") and entry.version < LEAST_OPSET:
            raise EngineBuildError(
                f"int8 needs opset {LEAST_OPSET} or later, for scales by channel; the model has "
                f"{entry.version}: export it again"
            )
