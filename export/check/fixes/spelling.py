"""Fixes of how a node is written: attributes and outputs that mean nothing, letters."""

from __future__ import annotations

import string

import onnx

from ..graph import Node
from ..versions import Target
from .edit import Editor, drop_attribute, set_attribute
from .fix import Fix


def _plain_scatter(model: onnx.ModelProto, target: Target) -> int:
    editor, changed = Editor(model), 0
    for node, proto, _ in editor.places("ScatterND"):
        if node.attribute("reduction") == "none":
            drop_attribute(proto, "reduction")
            changed += 1
    return changed


def _sorted_topk(model: onnx.ModelProto, target: Target) -> int:
    editor, changed = Editor(model), 0
    for node, proto, _ in editor.places("TopK"):
        if not node.attribute("sorted", 1):
            set_attribute(proto, "sorted", 1)
            changed += 1
    return changed


def _unused_outputs(model: onnx.ModelProto, target: Target) -> int:
    editor, changed = Editor(model), 0
    for node, proto, _ in editor.places("MaxPool", "LayerNormalization"):
        more = range(1, len(proto.output))
        if any(proto.output[index] for index in more) and not any(_used(node, i) for i in more):
            del proto.output[1:]
            changed += 1
    return changed


def _used(node: Node, index: int) -> bool:
    name = node.output(index)
    return name is not None and (
        bool(node.scope.readers.get(name))
        or any(value.name == name for value in node.scope.graph.output)
    )


def _small_letters(model: onnx.ModelProto, target: Target) -> int:
    editor, changed = Editor(model), 0
    for node, proto, _ in editor.places("Einsum"):
        equation = str(node.attribute("equation", ""))
        capitals = sorted(set(equation) & set(string.ascii_uppercase))
        free = [letter for letter in string.ascii_lowercase if letter not in equation]
        if "->" not in equation:  # the order of the result is then that of the letters
            continue
        if capitals and len(capitals) <= len(free):
            table = str.maketrans("".join(capitals), "".join(free[: len(capitals)]))
            set_attribute(proto, "equation", equation.translate(table))
            changed += 1
    return changed


FIXES = (
    Fix(
        "plain-scatter",
        "Leaves out ScatterND's reduction where it is none.",
        ("scatter-nd-reduction",),
        _plain_scatter,
    ),
    Fix(
        "sorted-topk",
        "Makes TopK give its results in order.",
        ("topk-sorted",),
        _sorted_topk,
    ),
    Fix(
        "unused-outputs",
        "Drops outputs of MaxPool and LayerNormalization that nothing reads.",
        ("pool-indices", "layer-norm-outputs"),
        _unused_outputs,
    ),
    Fix(
        "small-letters",
        "Writes the equations of Einsum in small letters.",
        ("einsum-letters",),
        _small_letters,
    ),
)
