"""Fixes that write down as constants what the graph computes of constants."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from ..rules.operands import OPERANDS
from ..versions import Target
from .edit import Editor, prune, set_attribute
from .fix import Fix


def _fold_operands(model: onnx.ModelProto, target: Target) -> int:
    editor, changed = Editor(model), 0
    operands = [item for item in OPERANDS.values() if target.release in item.span]
    for operand in operands:
        for node, proto, _ in editor.places(*operand.ops.split()):
            value = node.constant(operand.index)
            if operand.misses(node) and value is not None:
                wish = f"{node.name}_{operand.name}"
                proto.input[operand.index] = editor.constant(value, wish)
                changed += 1
    prune(model)
    return changed


def _add_zero_points(model: onnx.ModelProto, target: Target) -> int:
    editor, changed = Editor(model), 0
    for node, proto, _ in editor.places("DequantizeLinear", "QuantizeLinear"):
        dtype = node.dtype() if node.op == "DequantizeLinear" else node.attribute("output_dtype")
        shape = node.shape(1)
        fixed = shape is not None and all(isinstance(side, int) for side in shape)
        if node.input(2) is None and dtype == TensorProto.INT8 and fixed:
            del proto.input[2:]
            proto.input.append(editor.constant(np.zeros(shape, np.int8), f"{node.name}_zero"))
            changed += 1
    return changed


def _name_sampling(model: onnx.ModelProto, target: Target) -> int:
    editor, changed = Editor(model), 0
    for node, proto, _ in editor.places("RoiAlign"):
        if "sampling_ratio" not in node.attributes:
            set_attribute(proto, "sampling_ratio", 0)
            changed += 1
    return changed


FIXES = (
    Fix(
        "fold-operands",
        "Writes operands that have to be constants (K, axes, thresholds, weights) into the file.",
        tuple(OPERANDS),
        _fold_operands,
    ),
    Fix(
        "add-zero-points",
        "Adds the zero points that quantised graphs leave out.",
        ("quantize-zero-missing",),
        _add_zero_points,
    ),
    Fix(
        "name-sampling-ratio",
        "Writes down RoiAlign's default sampling_ratio, which the parser takes for another.",
        ("roi-align-sampling",),
        _name_sampling,
    ),
)
