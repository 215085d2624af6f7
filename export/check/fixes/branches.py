"""Fixes for branches and functions: inline what is always taken."""

from __future__ import annotations

from collections.abc import Callable

import onnx
import onnx.inliner

from ..graph import Node, subgraphs
from ..rules.control_flow import branches
from ..versions import Target
from .edit import Editor, prune
from .fix import Fix

THEN, ELSE = 0, 1
Choice = Callable[[Node], int | None]


def _inline(choose: Choice) -> Callable[[onnx.ModelProto, Target], int]:
    """Return a fix that inlines, one after the other, the branches that are chosen."""

    def apply(model: onnx.ModelProto, target: Target) -> int:
        changed = 0
        for _ in range(len(list(Editor(model).places("If")))):
            if not _inline_one(model, choose):
                break
            changed += 1
        prune(model)
        return changed

    return apply


def _inline_one(model: onnx.ModelProto, choose: Choice) -> bool:
    editor = Editor(model)
    for node, _, graph in editor.places("If"):
        choice = choose(node)
        if choice is not None:
            pair = branches(node)
            if pair is not None:
                index = node.scope.nodes.index(node)
                branch = "then_branch" if choice == THEN else "else_branch"
                _replace(editor, graph, index, branch)
                return True
    return False


def _replace(editor: Editor, graph: onnx.GraphProto, index: int, attribute: str) -> None:
    """Put a branch in the place of its If; what it calls its own gets names of its own."""
    proto = graph.node[index]
    branch = next(item.g for item in proto.attribute if item.name == attribute)
    names = {data.name: editor.fresh(data.name) for data in branch.initializer}
    for inner in branch.node:
        names |= {name: editor.fresh(name) for name in inner.output if name}
    nodes = [_renamed(inner, names) for inner in branch.node]
    for value, name in zip(branch.output, proto.output, strict=True):
        if name:
            source = names.get(value.name, value.name)
            nodes.append(onnx.helper.make_node("Identity", [source], [name]))
    for data in branch.initializer:
        copy = editor.model.graph.initializer.add()
        copy.CopyFrom(data)
        copy.name = names[data.name]
    before, after = list(graph.node[:index]), list(graph.node[index + 1 :])
    copies = [onnx.NodeProto.FromString(n.SerializeToString()) for n in (*before, *nodes, *after)]
    del graph.node[:]
    graph.node.extend(copies)


def _renamed(node: onnx.NodeProto, names: dict[str, str]) -> onnx.NodeProto:
    """Return a copy of a node with other tensor names, also where inner graphs read them."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    for field in (copy.input, copy.output):
        renamed = [names.get(name, name) for name in field]
        del field[:]
        field.extend(renamed)
    for attribute in copy.attribute:
        for graph in subgraphs(attribute):
            inner = [_renamed(item, names) for item in graph.node]
            del graph.node[:]
            graph.node.extend(inner)
            for value in graph.output:
                value.name = names.get(value.name, value.name)
    return copy


def _by_constant(node: Node) -> int | None:
    condition = node.constant(0)
    if condition is None or condition.size != 1:
        return None
    return THEN if condition.ravel()[0] else ELSE


def _by_emptiness(node: Node) -> int | None:
    """Choose the branch that is not the one for nothing, where exactly one is that."""
    pair = branches(node)
    if pair is None or node.constant(0) is not None:
        return None
    empty = [all(_is_empty(value) for value in branch.output) for branch in pair]
    if empty == [True, False]:
        return ELSE
    return THEN if empty == [False, True] else None


def _is_empty(value: onnx.ValueInfoProto) -> bool:
    sides = value.type.tensor_type.shape.dim
    return any(side.HasField("dim_value") and side.dim_value == 0 for side in sides)


def _rename_outputs(model: onnx.ModelProto, target: Target) -> int:
    editor, changed = Editor(model), 0
    for node, proto, _ in editor.places("If"):
        pair = branches(node)
        if pair is None:
            continue
        taken = {value.name for value in pair[THEN].output}
        for attribute in proto.attribute:
            if attribute.name == "else_branch":
                changed += _rename(editor, attribute.g, taken)
    return changed


def _rename(editor: Editor, branch: onnx.GraphProto, taken: set[str]) -> int:
    made = {name for node in branch.node for name in node.output}
    names = {
        value.name: editor.fresh(value.name)
        for value in branch.output
        if value.name in taken and value.name in made
    }
    nodes = [_renamed(node, names) for node in branch.node]
    del branch.node[:]
    branch.node.extend(nodes)
    for value in branch.output:
        value.name = names.get(value.name, value.name)
    return len(names)


def _inline_functions(model: onnx.ModelProto, target: Target) -> int:
    count = len(model.functions)
    if count:
        model.CopyFrom(onnx.inliner.inline_local_functions(model))
    return count


FIXES = (
    Fix(
        "inline-functions",
        "Puts the bodies of the model's functions where they are called.",
        ("functions", "plugin-present"),
        _inline_functions,
    ),
    Fix(
        "inline-constant-if",
        "Puts in the place of an If the branch that its condition always takes.",
        ("if-shapes", "if-ranks", "if-names"),
        _inline(_by_constant),
    ),
    Fix(
        "inline-empty-if",
        "Drops the branch of an If that only stands for empty input, as torch writes around NMS.",
        ("if-shapes", "if-ranks"),
        _inline(_by_emptiness),
    ),
    Fix(
        "rename-branch-outputs",
        "Gives the outputs of the two branches of an If different names.",
        ("if-names",),
        _rename_outputs,
    ),
)
