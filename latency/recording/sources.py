"""Where in a detector a workload's inputs occur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from searchspaces import Graph, ModuleSpec, Node, cost_of

DATA_DEPENDENT = frozenset(
    {
        "proposals",
        "guided_proposals",
        "guided_rpn_head",
        "roi_align",
        "rcnn_detections",
        "retinanet_detections",
    }
)
"""Kinds whose time depends on what they are given: how much is suppressed, what is read where."""


def is_data_dependent(graph: Graph) -> bool:
    """Return whether the time of a graph depends on what it is given."""
    return any(node.spec.kind in DATA_DEPENDENT for node in graph.nodes)


@dataclass(frozen=True)
class Source:
    """A detector that makes what a workload is given.

    Attributes:
        detector: The whole detector.
        references: Input name of the workload -> reference in the detector.
    """

    detector: Graph
    references: dict[str, str]


class Detectors:
    """Look up what some detectors give to which modules.

    Args:
        graphs: Whole detectors.
    """

    def __init__(self, graphs: Sequence[Graph]) -> None:
        self._graphs = tuple(graphs)

    def source(self, graph: Graph) -> Source | None:
        """Return the cheapest detector that makes the most of a workload's inputs.

        An input is that of an equal module, preferably of one that is given the reference that
        the input is named after; else that of a module of the kind that takes equal tensors.
        Inputs that the detector does not make are left out; ``None`` if it makes none.
        """
        wanted = {name: _consumer(graph, name) for name, _ in graph.inputs}
        best: tuple[tuple[int, int], Source] | None = None
        for index, detector in enumerate(self._cheapest_first):
            exact = self._references(index, wanted, same_module=True)
            found = self._references(index, wanted, same_module=False) | exact
            rank = (len(exact), len(found))
            if found and (best is None or rank > best[0]):
                best = rank, Source(detector, found)
            if len(exact) == len(wanted):
                break
        return best and best[1]

    def whole(self, graph: Graph) -> Graph | None:
        """Return the cheapest detector that holds every node of a graph, by name and module."""
        nodes = {(node.name, node.spec) for node in graph.nodes}
        for detector in self._cheapest_first:
            if nodes <= {(node.name, node.spec) for node in detector.nodes}:
                return detector
        return None

    def _references(
        self, index: int, wanted: dict[str, tuple[Node, int]], *, same_module: bool
    ) -> dict[str, str]:
        by_spec = self._by_spec[index]
        found = {}
        for name, (consumer, position) in wanted.items():
            key = consumer.spec if same_module else _alike(consumer.spec)
            refs = [node.inputs[position] for node in by_spec.get(key, ())]
            if refs:
                named = [ref for ref in refs if ref.replace(":", "_") == name.rstrip("_")]
                found[name] = (named or refs)[0]
        return found

    @cached_property
    def _cheapest_first(self) -> tuple[Graph, ...]:
        return tuple(sorted(self._graphs, key=_macs))

    @cached_property
    def _by_spec(self) -> list[dict[object, list[Node]]]:
        indices: list[dict[object, list[Node]]] = []
        for graph in self._cheapest_first:
            index: dict[object, list[Node]] = {}
            for node in graph.nodes:
                index.setdefault(node.spec, []).append(node)
                index.setdefault(_alike(node.spec), []).append(node)
            indices.append(index)
        return indices


def _consumer(graph: Graph, name: str) -> tuple[Node, int]:
    """Return the first module that takes a graph input, and as which of its inputs."""
    return next((n, n.inputs.index(name)) for n in graph.nodes if name in n.inputs)


def _alike(spec: ModuleSpec) -> object:
    return spec.kind, spec.inputs


def _macs(graph: Graph) -> int:
    return sum(cost_of(node.spec).macs for node in graph.nodes)
