"""Edit a model in place: find the nodes that the view shows, add constants, drop the unused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from ..graph import GraphView, Node, subgraphs


class Editor:
    """A model that may be changed, beside a view of how it was.

    Types and shapes that the file notes for inner tensors are dropped: they may no longer hold.

    Attributes:
        model: The model to change.
        view: What it was; nodes of the two stand in the same order until some are moved.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.view = GraphView(model, inline=False)
        self._graphs = list(_graphs(model.graph))
        self._names = {name for graph in self._graphs for name in _names(graph)}
        for graph in self._graphs:
            del graph.value_info[:]

    def places(self, *ops: str) -> Iterator[tuple[Node, onnx.NodeProto, onnx.GraphProto]]:
        """Yield the nodes with one of some operators, as seen and as stored, with their graph."""
        for scope, graph in zip(self.view.scopes, self._graphs, strict=True):
            for node, proto in zip(scope.nodes, list(graph.node), strict=True):
                if not ops or node.op in ops:
                    yield node, proto, graph

    def fresh(self, wish: str) -> str:
        """Return a name that no tensor has yet, like the one wished for."""
        name, number = wish, 1
        while name in self._names:
            name, number = f"{wish}_{number}", number + 1
        self._names.add(name)
        return name

    def constant(self, value: np.ndarray[Any, Any], wish: str) -> str:
        """Add an initializer, which every branch can read, and return its name."""
        name = self.fresh(wish)
        data = numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)
        self.model.graph.initializer.append(data)
        return name


def prune(model: onnx.ModelProto) -> None:
    """Remove nodes of the main graph whose results nobody reads, and initializers alike."""
    graph = model.graph
    wanted = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):  # in topological order: readers come before makers
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(reads(node))
    kept.reverse()
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
    if len(copies) < len(graph.node):
        del graph.node[:]
        graph.node.extend(copies)
    used = {name for node in graph.node for name in reads(node)} | {v.name for v in graph.output}
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name not in used:
            del graph.initializer[index]


def reads(node: onnx.NodeProto) -> set[str]:
    """Return the names that a node reads, also inside its branches."""
    found = {name for name in node.input if name}
    for attribute in node.attribute:
        for graph in subgraphs(attribute):
            for inner in graph.node:
                found |= reads(inner)
            found |= {value.name for value in graph.output}
    return found


def set_attribute(node: onnx.NodeProto, name: str, value: Any) -> None:
    """Set an attribute of a node, whatever it was."""
    drop_attribute(node, name)
    node.attribute.append(onnx.helper.make_attribute(name, value))


def drop_attribute(node: onnx.NodeProto, name: str) -> None:
    """Remove an attribute of a node, if it has it."""
    for index in reversed(range(len(node.attribute))):
        if node.attribute[index].name == name:
            del node.attribute[index]


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield graphs in the order of the view's scopes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in subgraphs(attribute):
                yield from _graphs(inner)


def _names(graph: onnx.GraphProto) -> Iterator[str]:
    yield from (value.name for value in graph.input)
    yield from (data.name for data in graph.initializer)
    for node in graph.node:
        yield from node.output
