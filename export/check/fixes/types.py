"""Fixes of element types and operator sets."""

from __future__ import annotations

import onnx
import onnx.version_converter
from onnx import TensorProto

from ..graph import STANDARD_DOMAINS, Node, subgraphs
from ..rule import words
from ..rules.opset import ceiling
from ..versions import Target
from .edit import Editor, set_attribute
from .fix import Fix

# What BOOL and UINT8 mean the same to, and what only passes them on.
_ENDS = words("NonZero Cast Shape Size")
_PASSED = words("Identity Reshape Flatten Squeeze Unsqueeze Transpose Slice Expand Tile Gather")
_WALK = 10_000  # nodes looked at; more means that something else is wrong


def _uint8_to_bool(model: onnx.ModelProto, target: Target) -> int:
    editor, changed = Editor(model), 0
    outputs = {value.name for value in model.graph.output}
    for node, proto, _ in editor.places("Cast"):
        if node.attribute("to") != TensorProto.UINT8 or node.dtype() != TensorProto.BOOL:
            continue
        if _only_asks(node, outputs):
            set_attribute(proto, "to", TensorProto.BOOL)
            changed += 1
    return changed


def _only_asks(cast: Node, outputs: set[str]) -> bool:
    """Tell whether every reader of a cast only asks whether values are zero."""
    waiting = [cast]
    for _ in range(_WALK):
        if not waiting:
            return True
        node = waiting.pop()
        if outputs.intersection(node.proto.output):
            return False
        for reader in node.consumers():
            if reader.op in _PASSED:
                waiting.append(reader)
            elif reader.op not in _ENDS:
                return False
    return False


def _int32_interface(model: onnx.ModelProto, target: Target) -> int:
    editor = Editor(model)
    graph = model.graph
    inputs = [value for value in graph.input if _is_int64(value)]
    outputs = [value for value in graph.output if _is_int64(value)]
    before, after, names = [], [], {}
    for value in inputs:
        names[value.name] = editor.fresh(f"{value.name}_int64")
        before.append(_cast(value.name, names[value.name], TensorProto.INT64))
        value.type.tensor_type.elem_type = TensorProto.INT32
    _rename_readers(graph, names)
    made = {value.name: editor.fresh(f"{value.name}_int64") for value in outputs}
    _rename_all(graph, made)
    for value in outputs:
        after.append(_cast(made[value.name], value.name, TensorProto.INT32))
        value.type.tensor_type.elem_type = TensorProto.INT32
    _set_nodes(graph, [*before, *graph.node, *after])
    return len(inputs) + len(outputs)


def _is_int64(value: onnx.ValueInfoProto) -> bool:
    return bool(value.type.tensor_type.elem_type == TensorProto.INT64)


def _cast(source: str, result: str, dtype: int) -> onnx.NodeProto:
    return onnx.helper.make_node("Cast", [source], [result], name=f"{result}_cast", to=dtype)


def _rename_readers(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = names.get(name, name)
        for attribute in node.attribute:
            for inner in subgraphs(attribute):
                _rename_readers(inner, names)
                for value in inner.output:
                    value.name = names.get(value.name, value.name)


def _rename_all(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    _rename_readers(graph, names)
    for node in graph.node:
        for index, name in enumerate(node.output):
            node.output[index] = names.get(name, name)
    for data in graph.initializer:
        data.name = names.get(data.name, data.name)


def _set_nodes(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _older_opset(model: onnx.ModelProto, target: Target) -> int:
    newest = ceiling(target.release)
    versions = [item.version for item in model.opset_import if item.domain in STANDARD_DOMAINS]
    if max(versions, default=1) <= newest:
        return 0
    model.CopyFrom(onnx.version_converter.convert_version(model, newest))
    return 1


FIXES = (
    Fix(
        "older-opset",
        "Converts the model to the newest opset that the release is documented for.",
        ("opset-forms", "opset-ceiling"),
        _older_opset,
    ),
    Fix(
        "uint8-to-bool",
        "Makes masks BOOL instead of UINT8 where only their being zero counts.",
        ("uint8-inside", "cast-type", "type-exists"),
        _uint8_to_bool,
    ),
    Fix(
        "int32-interface",
        "Makes INT64 inputs and outputs INT32, as the engine has them before 9.0.",
        ("int64-interface",),
        _int32_interface,
    ),
)
