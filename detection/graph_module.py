"""A graph of module specifications as one torch module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor, nn

from searchspaces import Graph, Node, outputs_of, reference

from .errors import BuildError
from .modules import build_module


class GraphModule(nn.Module):
    """Run the modules of a graph in order.

    Args:
        graph: What is built.
        modules: Modules by node name that are shared instead of built, such as a supernet's.

    Attributes:
        graph: As given.
        nodes: The modules by node name; parameters are named ``nodes.<node>....``.

    Raises:
        BuildError: A shared module belongs to no node.
    """

    def __init__(self, graph: Graph, modules: Mapping[str, nn.Module] | None = None) -> None:
        super().__init__()
        modules = modules or {}
        stray = sorted(modules.keys() - {node.name for node in graph.nodes})
        if stray:
            raise BuildError(f"modules were given for {stray}, but the graph has no such nodes")
        _ = graph.tensors  # checks the wiring
        self.graph = graph
        self.nodes = nn.ModuleDict(
            {
                n.name: modules[n.name] if n.name in modules else build_module(n.spec)
                for n in graph.nodes
            }
        )
        self._plans: dict[tuple[str, ...], tuple[Node, ...]] = {}

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Map the graph's inputs, in their order, to the graph's outputs."""
        names = [name for name, _ in self.graph.inputs]
        return self.run(dict(zip(names, inputs, strict=True)), self.graph.outputs)

    def run(self, values: Mapping[str, Tensor], outputs: Sequence[str]) -> tuple[Tensor, ...]:
        """Compute references from others, running only the nodes in between.

        Args:
            values: Tensors by reference: graph inputs, or outputs of nodes that need not run.
            outputs: References to compute.

        Raises:
            BuildError: A reference is unknown or cannot be computed from the values.
        """
        known = dict(values)
        for node in self._plan(tuple(values), tuple(outputs)):
            made = self.nodes[node.name](*(known[ref] for ref in node.inputs))
            for index, tensor in enumerate((made,) if isinstance(made, Tensor) else made):
                known[reference(node.name, index)] = tensor
        return tuple(known[ref] for ref in outputs)

    def _plan(self, given: tuple[str, ...], outputs: tuple[str, ...]) -> tuple[Node, ...]:
        key = (*given, "->", *outputs)
        if key not in self._plans:
            self._plans[key] = _needed(self.graph, set(given), outputs)
        return self._plans[key]


def _needed(graph: Graph, given: set[str], outputs: Iterable[str]) -> tuple[Node, ...]:
    """Return the nodes between the given references and the outputs, in running order."""
    wanted = set(outputs) - given
    nodes = []
    for node in reversed(graph.nodes):
        made = {reference(node.name, i) for i in range(len(outputs_of(node.spec)))}
        if made & wanted:
            nodes.append(node)
            wanted = (wanted - made) | (set(node.inputs) - given)
    if wanted:
        raise BuildError(
            f"{sorted(wanted)} cannot be computed from {sorted(given)}; the graph takes "
            f"{[name for name, _ in graph.inputs]}"
        )
    return tuple(reversed(nodes))
