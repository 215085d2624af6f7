"""Join a layer normalisation that is written out, so that it is computed without overflow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from ..graph import Node
from ..versions import Release, Target
from .edit import Editor, prune
from .fix import Fix

SINCE: Release = (8, 6)  # LayerNormalization in TensorRT
OPSET = 17  # LayerNormalization in ONNX
ROUNDING = 1e-5  # of one order of summation against another, in FP32


@dataclass(frozen=True, slots=True)
class _Norm:
    """A normalisation that was found, over the last dimension."""

    source: str
    side: int
    epsilon: float


def _join(model: onnx.ModelProto, target: Target) -> int:
    editor = Editor(model)
    if target.release < SINCE or editor.view.opset < OPSET:
        return 0
    changed = 0
    for node, proto, _ in editor.places("Div"):
        norm = _found(node)
        if norm is not None:
            ones = editor.constant(np.ones(norm.side, np.float32), f"{node.name}_ones")
            proto.op_type = "LayerNormalization"
            del proto.input[:], proto.attribute[:]
            proto.input.extend([norm.source, ones])
            attributes = {"axis": -1, "epsilon": norm.epsilon}
            proto.attribute.extend(
                onnx.helper.make_attribute(name, value) for name, value in attributes.items()
            )
            changed += 1
    prune(model)
    return changed


def _found(div: Node) -> _Norm | None:
    """Follow ``(x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon)`` back from the quotient."""
    centred, root = div.producer(0), div.producer(1)
    safe = _made_by(root, "Sqrt")
    if centred is None or centred.op != "Sub" or safe is None or safe.op != "Add":
        return None
    epsilon = next((safe.constant(i) for i in (0, 1) if safe.constant(i) is not None), None)
    variance = next((p for i in (0, 1) if (p := safe.producer(i)) and p.op == "ReduceMean"), None)
    square = _made_by(variance, "ReduceMean")
    mean, source, shape = centred.producer(1), centred.input(0), centred.shape(0)
    if square is None or mean is None or mean.op != "ReduceMean" or not source or not shape:
        return None
    fits = (
        _squares(square, centred.output(0))
        and mean.input(0) == source
        and all(_over_last(item, len(shape)) for item in (mean, variance))
        and epsilon is not None
        and epsilon.size == 1
        and isinstance(shape[-1], int)
    )
    if not fits or epsilon is None or not isinstance(shape[-1], int):
        return None
    return _Norm(source, shape[-1], float(epsilon.ravel()[0]))


def _made_by(node: Node | None, op: str) -> Node | None:
    """Return what makes the operand of a node with a certain operator."""
    return node.producer(0) if node is not None and node.op == op else None


def _squares(node: Node, name: str | None) -> bool:
    if node.op == "Mul":
        return node.input(0) == name == node.input(1)
    exponent = node.constant(1) if node.op == "Pow" else None
    return (
        exponent is not None
        and exponent.size == 1
        and float(exponent.ravel()[0]) == 2
        and node.input(0) == name
    )


def _over_last(node: Node | None, rank: int) -> bool:
    if node is None or not node.attribute("keepdims", 1):
        return False
    given = node.constant(1)
    axes = node.attribute("axes", []) if given is None else given.tolist()
    return [axis % rank for axis in axes] == [rank - 1]


FIXES = (
    Fix(
        "join-layer-norm",
        "Makes one LayerNormalization of one that is written out; outputs equal up to 1e-5.",
        ("half-norm",),
        _join,
        tolerance=ROUNDING,
    ),
)
