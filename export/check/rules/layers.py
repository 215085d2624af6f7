"""Layer 2: normalisation, quantisation, dropout, recurrent layers, attention."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from ..graph import Node
from ..rule import NODE, Rule, each, registry
from ..versions import Span, Target
from .operators import type_text
from .sources import (
    CHECKERS_101,
    IMPORTERS_84,
    IMPORTERS_85,
    IMPORTERS_86,
    IMPORTERS_101,
    OPERATORS_101,
    OPERATORS_111,
)

QUANTIZED = (
    TensorProto.INT8,
    TensorProto.INT4,
    TensorProto.FLOAT8E4M3FN,
    getattr(TensorProto, "FLOAT4E2M1", TensorProto.INT8),
)
ACTIVATIONS = {"LSTM": 3, "GRU": 2, "RNN": 1}  # functions of one direction


def _training(node: Node, target: Target) -> str | None:
    return "training_mode is 1" if node.attribute("training_mode", 0) else None


def _dropping(node: Node, target: Target) -> str | None:
    mode = node.constant(2)
    return "training_mode is true" if mode is not None and mode.size and mode.any() else None


def _instance_rank(node: Node, target: Target) -> str | None:
    rank = node.rank()
    return None if rank in (None, 3, 4, 5) else f"its input has {rank} dimensions, not 3 to 5"


def _more_outputs(node: Node, target: Target) -> str | None:
    more = [name for name in node.proto.output[1:] if name]
    return f"it has the outputs {', '.join(more)} beside Y" if more else None


def _zero_point(node: Node, target: Target) -> str | None:
    value = node.constant(2)
    if value is None or not np.any(value.astype(np.float64)):
        return None
    return f"its zero point is {np.unique(value).tolist()[:4]}, TensorRT quantises symmetrically"


def _quantized_type(node: Node, target: Target) -> str | None:
    dtype = node.dtype(2)
    if dtype is None and node.op == "DequantizeLinear":
        dtype = node.dtype(0)
    if dtype is None and node.input(2) is None and node.op == "QuantizeLinear":
        dtype = node.attribute("output_dtype") or TensorProto.UINT8
    if dtype is None or dtype in QUANTIZED:
        return None
    return f"it quantises to {type_text(dtype)}, TensorRT to signed types"


def _no_zero_point(node: Node, target: Target) -> str | None:
    return None if node.input(2) is not None else "it has no zero point"


def _bad_scale(node: Node, target: Target) -> str | None:
    scale = node.constant(1)
    if scale is None or (scale.size and (scale > 0).all()):
        return None
    return "its scale is empty, zero or negative"


def _coupled(node: Node, target: Target) -> str | None:
    return "input_forget is 1" if node.attribute("input_forget", 0) else None


def _batch_first(node: Node, target: Target) -> str | None:
    return "layout is 1" if node.attribute("layout", 0) else None


def _two_kinds(node: Node, target: Target) -> str | None:
    functions = list(node.attribute("activations", []))
    half = ACTIVATIONS[node.op]
    if node.attribute("direction", "forward") != "bidirectional" or not functions:
        return None
    if functions[:half] == functions[half:]:
        return None
    return "its activations differ between the two directions"


def _norm_order(node: Node, target: Target) -> str | None:
    order = node.attribute("p", 2)
    return None if order in (1, 2) else f"p is {order}"


def _attention(node: Node, target: Target) -> str | None:
    for index, name in enumerate(("Q", "K", "V")):
        rank = node.rank(index)
        if rank not in (None, 4):
            return f"{name} has {rank} dimensions instead of 4"
    if any(node.input(index) for index in (4, 5, 6)):
        return "it has past keys, past values or lengths"
    if any(node.proto.output[1:]):
        return "it has more outputs than Y"
    return "softcap is set" if node.attribute("softcap", 0.0) else None


RULES = registry(
    Rule(
        "batch-norm-training",
        NODE,
        "BatchNormalization must not be in training mode; 8.4 ignores that without a word.",
        f"{CHECKERS_101}; {IMPORTERS_84}",
        each("BatchNormalization", _training),
        "export the model in eval mode",
    ),
    Rule(
        "dropout-training",
        NODE,
        "Dropout must not be in training mode.",
        IMPORTERS_101,
        each("Dropout", _dropping),
        "export the model in eval mode",
    ),
    Rule(
        "instance-norm-rank",
        NODE,
        "InstanceNormalization must have an input of three to five dimensions.",
        IMPORTERS_85,
        each("InstanceNormalization", _instance_rank),
        "reshape around the node, or use TensorRT 8.6 or later",
        span=Span(before=(8, 6)),
    ),
    Rule(
        "layer-norm-outputs",
        NODE,
        "LayerNormalization must have the output Y only.",
        OPERATORS_101,
        each("LayerNormalization", _more_outputs),
        "do without mean and deviation",
        span=Span((8, 6)),
    ),
    Rule(
        "quantize-zero",
        NODE,
        "Quantisation must be symmetric.",
        f"{IMPORTERS_86}; {OPERATORS_101}",
        each("QuantizeLinear DequantizeLinear", _zero_point),
        "quantise again with symmetric ranges",
    ),
    Rule(
        "quantize-type",
        NODE,
        "Quantisation must be to INT8, or to FP8, INT4 or FP4 where the release has them.",
        f"{IMPORTERS_101}; {OPERATORS_111}",
        each("QuantizeLinear DequantizeLinear", _quantized_type),
        "quantise to signed integers",
    ),
    Rule(
        "quantize-zero-missing",
        NODE,
        "Quantisation must name its zero point.",
        IMPORTERS_86,
        each("QuantizeLinear DequantizeLinear", _no_zero_point),
        "add a zero point of zeros",
        span=Span(before=(9, 0)),
    ),
    Rule(
        "quantize-scale-positive",
        NODE,
        "Scales of quantisation must be positive.",
        IMPORTERS_101,
        each("QuantizeLinear DequantizeLinear", _bad_scale),
        "calibrate again; a channel that is always zero needs any positive scale",
    ),
    Rule(
        "lstm-coupled",
        NODE,
        "LSTM must not couple input and forget gate.",
        CHECKERS_101,
        each("LSTM", _coupled),
        "use the plain LSTM",
    ),
    Rule(
        "recurrent-layout",
        NODE,
        "Recurrent layers must have layout 0.",
        OPERATORS_101,
        each("LSTM GRU RNN", _batch_first),
        "transpose before and after",
    ),
    Rule(
        "recurrent-activations",
        NODE,
        "Both directions of a recurrent layer must have the same activations.",
        CHECKERS_101,
        each("LSTM GRU RNN", _two_kinds),
        "use two layers of one direction",
    ),
    Rule(
        "norm-order",
        NODE,
        "LpNormalization and LpPool must be of order 1 or 2.",
        CHECKERS_101,
        each("LpNormalization LpPool", _norm_order),
        "use order 1 or 2",
    ),
    Rule(
        "attention-form",
        NODE,
        "Attention must have four dimensions, no past, no further outputs, no softcap.",
        OPERATORS_111,
        each("Attention", _attention),
        "express it by MatMul and Softmax",
        span=Span((10, 14)),
    ),
)
