"""Measured graphs as equations: what each holds and how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from searchspaces import Graph, ModuleSpec

from ..errors import PredictorError
from ..tables.table import LatencyTable
from ..workloads.workload import DETECTOR, MODULE


@dataclass(frozen=True, slots=True)
class Equation:
    """State that modules together took so long.

    Attributes:
        counts: How often each module occurs.
        ms: Milliseconds of one run.
        whole: Whether it is a whole detector; otherwise part of one, with borders of its own.
        border: Elements that come in at and go out of a part; 0 for a whole detector.
        ends: Names the tensors at the borders: parts with equal ends pay alike for them.
        visits: How often it was measured.
        doubt: How many times noisier than others it is held to be.
        key: Of the workload.

    Raises:
        PredictorError: The time is not positive and finite, or no module was run.
    """

    counts: Mapping[ModuleSpec, int]
    ms: float
    whole: bool
    border: int = 0
    ends: str = ""
    visits: int = 1
    doubt: float = 1.0
    key: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.ms < float("inf"):
            raise PredictorError(f"milliseconds must be positive and finite, got {self.ms}")
        if not self.counts:
            raise PredictorError("an equation needs at least one module")


def equations_of(table: LatencyTable) -> tuple[Equation, ...]:
    """Return an equation for every chain and whole detector that was measured."""
    return tuple(
        replace(
            equation_of(workload.graph, workload.role == DETECTOR),
            ms=table.normalised_ms(key),
            visits=len(table.replicates_ms(key)),
            key=key,
        )
        for key, workload in table.workloads.items()
        if workload.role != MODULE and key in table.measurements
    )


def equation_of(graph: Graph, whole: bool, ms: float = 1.0) -> Equation:
    """Return the equation of a graph that took ``ms``, or will take nobody knows how long."""
    if whole:
        return Equation(graph.counts(), ms, whole)
    tensors = [t for _, t in graph.inputs] + [graph.tensors[ref] for ref in graph.outputs]
    ends = "+".join(map(str, tensors))
    return Equation(graph.counts(), ms, whole, sum(t.numel for t in tensors), ends)
