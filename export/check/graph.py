"""A read-only view of an ONNX model: types and shapes, who makes and who reads what, constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from .folding import fold
from .inference import Side, Tensor, inferred, inlined

STANDARD_DOMAINS = ("", "ai.onnx")


class Node:
    """One node, with what is known of its operands.

    Operands are asked for by position; one that is left out, or whose value is not known, is None.
    """

    __slots__ = ("_attributes", "op", "proto", "scope")

    def __init__(self, proto: onnx.NodeProto, scope: Scope) -> None:
        self.proto, self.scope = proto, scope
        standard = proto.domain in STANDARD_DOMAINS
        self.op = proto.op_type if standard else f"{proto.domain}::{proto.op_type}"
        self._attributes: dict[str, onnx.AttributeProto] | None = None

    @property
    def name(self) -> str:
        """Return the node's name, or that of its first output where it has none."""
        return self.proto.name or next((name for name in self.proto.output if name), self.op)

    @property
    def attributes(self) -> Mapping[str, onnx.AttributeProto]:
        """Return the attributes by name."""
        if self._attributes is None:
            self._attributes = {item.name: item for item in self.proto.attribute}
        return self._attributes

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute's value; texts as `str`."""
        found = self.attributes.get(name)
        if found is None:
            return default
        value = onnx.helper.get_attribute_value(found)
        return value.decode() if isinstance(value, bytes) else value

    def input(self, index: int) -> str | None:
        """Return the name of an operand."""
        names = self.proto.input
        return names[index] if index < len(names) and names[index] else None

    def output(self, index: int) -> str | None:
        """Return the name of a result."""
        names = self.proto.output
        return names[index] if index < len(names) and names[index] else None

    def tensor(self, index: int) -> Tensor | None:
        """Return type and shape of an operand."""
        name = self.input(index)
        return None if name is None else self.scope.tensor(name)

    def dtype(self, index: int = 0) -> int | None:
        """Return the element type of an operand, as `onnx.TensorProto` numbers them."""
        found = self.tensor(index)
        return None if found is None else found.dtype

    def shape(self, index: int = 0) -> tuple[Side, ...] | None:
        """Return the shape of an operand; a side may be a number, a symbol or None."""
        found = self.tensor(index)
        return None if found is None else found.shape

    def rank(self, index: int = 0) -> int | None:
        """Return the number of dimensions of an operand."""
        shape = self.shape(index)
        return None if shape is None else len(shape)

    def is_literal(self, index: int) -> bool:
        """Tell whether an operand stands in the file: an initializer or a Constant."""
        name = self.input(index)
        return name is not None and self.scope.literal(name) is not None

    def constant(self, index: int) -> np.ndarray[Any, Any] | None:
        """Return the value of an operand that does not depend on the graph's inputs."""
        name = self.input(index)
        return None if name is None else self.scope.constant(name)

    def producer(self, index: int) -> Node | None:
        """Return the node that makes an operand."""
        name = self.input(index)
        return None if name is None else self.scope.producer(name)

    def consumers(self, index: int = 0) -> list[Node]:
        """Return the nodes of the same graph that read a result."""
        name = self.output(index)
        return [] if name is None else self.scope.readers.get(name, [])


class Scope:
    """One graph of the model: the main one, or a branch or body that sees the names around it."""

    def __init__(
        self,
        graph: onnx.GraphProto,
        initializers: Mapping[str, onnx.TensorProto],
        parent: Scope | None = None,
        owner: Node | None = None,
    ) -> None:
        self.graph, self.parent, self.owner = graph, parent, owner
        self.initializers = initializers
        self.nodes = [Node(proto, self) for proto in graph.node]
        self.makers = {name: node for node in self.nodes for name in node.proto.output if name}
        self.readers: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in node.proto.input:
                self.readers.setdefault(name, []).append(node)
        self._constants: dict[str, np.ndarray[Any, Any] | None] = {}

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Return types and shapes of the graph's own tensors."""
        groups = (self.graph.value_info, self.graph.input, self.graph.output)
        found = {value.name: Tensor.of_value(value) for group in groups for value in group}
        return found | {name: Tensor.of_data(data) for name, data in self.initializers.items()}

    @cached_property
    def input_names(self) -> frozenset[str]:
        """Return the names that come from outside, initializers with a default apart."""
        return frozenset(
            value.name for value in self.graph.input if value.name not in self.initializers
        )

    def home(self, name: str) -> Scope | None:
        """Return the innermost graph that has a tensor."""
        if name in self.makers or name in self.initializers or name in self.input_names:
            return self
        return None if self.parent is None else self.parent.home(name)

    def tensor(self, name: str) -> Tensor | None:
        """Return type and shape of a tensor, also of a surrounding graph."""
        home = self.home(name)
        return None if home is None else home.tensors.get(name)

    def producer(self, name: str) -> Node | None:
        """Return the node that makes a tensor, also of a surrounding graph."""
        home = self.home(name)
        return None if home is None else home.makers.get(name)

    def literal(self, name: str) -> np.ndarray[Any, Any] | None:
        """Return the value of an initializer or of a Constant's result."""
        home = self.home(name)
        if home is None:
            return None
        if name in home.initializers:
            return home.constant(name)
        maker = home.makers.get(name)
        return home.constant(name) if maker is not None and maker.op == "Constant" else None

    def constant(self, name: str) -> np.ndarray[Any, Any] | None:
        """Return the value of a tensor that does not depend on the graph's inputs."""
        home = self.home(name)
        if home is None:
            return None
        if name not in home._constants:
            home._constants[name] = home._evaluate(name)
        return home._constants[name]

    def _evaluate(self, name: str) -> np.ndarray[Any, Any] | None:
        if name in self.initializers:
            return numpy_helper.to_array(self.initializers[name])
        maker = self.makers.get(name)
        return None if maker is None else fold(maker, name)


class GraphView:
    """A whole model as the rules see it: functions are looked at where they are called.

    Args:
        model: The model; the view does not change it.
        inline: Whether to put functions in the places of their calls; if not, the view's nodes are
            those of the file.

    Attributes:
        model: The model itself.
        main: Its graph.
        scopes: The main graph and every branch and body, outer ones first.
        nodes: All nodes of all of them.
    """

    def __init__(self, model: onnx.ModelProto, *, inline: bool = True) -> None:
        self.model = model
        graph = inferred(inlined(model) if inline else model)
        self.main = Scope(graph, {item.name: item for item in model.graph.initializer})
        self.scopes = list(_scopes(self.main))
        self.nodes = [node for scope in self.scopes for node in scope.nodes]
        self._by_op: dict[str, list[Node]] = {}
        for node in self.nodes:
            self._by_op.setdefault(node.op, []).append(node)

    def of(self, *ops: str) -> Iterator[Node]:
        """Return the nodes with one of these operators."""
        for op in ops:
            yield from self._by_op.get(op, ())

    @property
    def ops(self) -> frozenset[str]:
        """Return the operators that occur."""
        return frozenset(self._by_op)

    @property
    def opset(self) -> int:
        """Return the version of the standard operator set."""
        versions = (
            item.version for item in self.model.opset_import if item.domain in STANDARD_DOMAINS
        )
        return max(versions, default=1)


def _scopes(scope: Scope) -> Iterator[Scope]:
    yield scope
    for node in scope.nodes:
        for attribute in node.proto.attribute:
            for graph in subgraphs(attribute):
                initializers = {item.name: item for item in graph.initializer}
                yield from _scopes(Scope(graph, initializers, scope, node))


def subgraphs(attribute: onnx.AttributeProto) -> Sequence[onnx.GraphProto]:
    """Return the graphs that an attribute holds; none for most attributes."""
    if attribute.type == onnx.AttributeProto.GRAPH:
        return (attribute.g,)
    return attribute.graphs if attribute.type == onnx.AttributeProto.GRAPHS else ()
