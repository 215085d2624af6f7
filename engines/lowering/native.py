"""Write an ONNX model in int8 as onnxruntime's CPU kernels take it. Imports onnx, onnxruntime.

The portable graph quantises what a product takes; onnxruntime 1.31 has integer kernels only where
what an operator gives is quantised as well, and its fast ones take unsigned activations with a
zero point. On one x86 CPU a ResNet-18 took 8.4 ms in fp32, 15.4 ms as the portable graph, which
onnxruntime computes in float32 between conversions, and 2.0 ms quantised like this.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import onnx
from onnxruntime import quantization
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from ..errors import EngineBuildError, foreign_errors
from .half import HALF_SOURCES, half_nodes
from .nodes import name_nodes, note_precision
from .quantized import QUANTIZED, Range, check_opset, checked_range, quantizable

NATIVE_OPERATORS = (
    *QUANTIZED,
    "Add",
    "AveragePool",
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
)
"""Operators with kernels on bytes; nodes of them are quantised that compute with features."""

_INFERRED = "onnx.infer"  # by which onnxruntime knows that a model's shapes were inferred


def natively_quantizable(graph: onnx.GraphProto, keep: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names of the products that can be quantised, in running order.

    Products whose result is read by another such product, directly or by way of what follows a
    product. A last layer, whose scores or offsets are decoded, is none: it would have 255 values
    for all boxes. An output of the graph counts as read by a product: the graph may be a part.

    Args:
        graph: With named nodes and weights as initializers.
        keep: Names of nodes that stay in float32.
    """
    kinds = {node.name: node.op_type for node in graph.node}
    return tuple(name for name in _chosen(graph, keep) if kinds[name] in QUANTIZED)


def with_native_quantization(
    content: bytes, ranges: Mapping[str, Range], keep: Collection[str] = ()
) -> bytes:
    """Quantise products and what follows them, as far as it leads to another product.

    A tensor that is quantised is so for all its readers.

    Args:
        content: The serialised model, in float32, prepared.
        ranges: Tensor name to the ends that become 0 and 255, as calibration found them.
        keep: Names of nodes that stay in float32.

    Raises:
        EngineBuildError: A tensor was not calibrated or is not finite, the opset is below 13, or
            the graph cannot be converted.
    """
    model = onnx.load_from_string(content)
    name_nodes(model.graph)
    check_opset(model)
    chosen = _chosen(model.graph, keep)
    if chosen:
        with foreign_errors(EngineBuildError, "the model cannot be quantised"):
            model = _quantized(model, _tensors_data(model.graph, ranges, chosen), chosen)
            onnx.checker.check_model(model, full_check=True)
    note_precision(model, "int8")
    return bytes(model.SerializeToString())


def _chosen(graph: onnx.GraphProto, keep: Collection[str]) -> list[str]:
    """Return the products and what lies between them, in running order."""
    products = set(quantizable(graph, keep))
    others = {n.name for n in graph.node if n.op_type in HALF_SOURCES and n.name not in products}
    features = half_nodes(graph, frozenset((*others, *keep)))
    read = {value.name for value in graph.output}  # tensors that lead to a product
    found = []
    for node in reversed(graph.node):
        if node.name not in features or node.op_type not in NATIVE_OPERATORS:
            continue
        if any(name in read for name in node.output):
            found.append(node.name)
            read.update(node.input)
        elif node.name in products:
            read.add(node.input[0])
    return found[::-1]


def _tensors_data(
    graph: onnx.GraphProto, ranges: Mapping[str, Range], chosen: Collection[str]
) -> TensorsData:
    """Return the ranges of what chosen nodes take and give, as onnxruntime wants them."""
    known = {}
    for node in graph.node:
        if node.name not in chosen:
            continue
        for name in (*node.input, *node.output):
            if name in ranges:  # others are weights and shapes, or onnxruntime says what it lacks
                low, high = checked_range(name, ranges)
                known[name] = tuple(np.array(e, np.float32) for e in (min(low, 0), max(high, 0)))
    return TensorsData(quantization.CalibrationMethod.MinMax, known)


def _quantized(
    model: onnx.ModelProto, ranges: TensorsData, chosen: Collection[str]
) -> onnx.ModelProto:
    notes = {entry.key: entry.value for entry in model.metadata_props}
    inferred = onnx.shape_inference.infer_shapes(model)
    onnx.helper.set_model_props(inferred, {**notes, _INFERRED: "onnxruntime.quant"})
    quantizer = QDQQuantizer(
        inferred,
        per_channel=True,
        reduce_range=False,
        weight_qType=quantization.QuantType.QInt8,
        activation_qType=quantization.QuantType.QUInt8,
        tensors_range=ranges,
        nodes_to_quantize=list(chosen),
        nodes_to_exclude=[],
        op_types_to_quantize=list(NATIVE_OPERATORS),
        extra_options={"WeightSymmetric": True},
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    made: onnx.ModelProto = quantizer.model.model
    onnx.helper.set_model_props(made, notes)
    return made
