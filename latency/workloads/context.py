"""What a module costs inside its detector: which chains to time, and how to combine them.

A module that is timed alone pays for the copies at its borders and lacks what the runtime fuses
with its neighbours, so isolated times do not add up. Differences of chains do:

* a shape-preserving block ``m``: (t(m m m m) - t(m m)) / 2;
* a changing block ``x`` between shape-preserving ``a`` and ``z``:
  t(a a x z z) - t(a a) - 2 cost(z);
* neck, heads and box selection: differences of growing prefixes of the detector's tail, so that
  their costs add up to the whole tail (a module that stands there twice counts as it did first).

AOWS (Berman et al., CVPR 2020) fits pairwise terms from whole networks for the same purpose.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from searchspaces import Graph, ModuleSpec, chain, cost_of, outputs_of

from .workload import CHAIN, Workload

LONG, SHORT = 4, 2  # copies in the two chains of a shape-preserving block
BORDER = 2  # shape-preserving neighbours on either side of a changing block


@dataclass(frozen=True, slots=True)
class Recipe:
    """Express a module's cost as a sum of chain times.

    Attributes:
        spec: The module.
        terms: ``(weight, workload key)`` pairs; the cost is the weighted sum of the times.
    """

    spec: ModuleSpec
    terms: tuple[tuple[float, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able fields."""
        return {"module": self.spec.key, "terms": [list(term) for term in self.terms]}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Recipe:
        """Read back what :meth:`to_dict` gave; raise ``ValueError`` on anything else."""
        terms = tuple((float(weight), str(key)) for weight, key in fields["terms"])
        if not terms or not all(math.isfinite(weight) for weight, _ in terms):
            raise ValueError(f"terms must be pairs of a finite weight and a key, got {terms}")
        return cls(ModuleSpec.parse(fields["module"]), terms)


@dataclass(frozen=True, slots=True)
class ContextPlan:
    """List what to time and how to combine it.

    Attributes:
        workloads: The chains, each once; those of one module stand together.
        recipes: One recipe per module.
    """

    workloads: tuple[Workload, ...]
    recipes: tuple[Recipe, ...]


def plan_context(graphs: Sequence[Graph]) -> ContextPlan:
    """Plan the chains that give every module of some detectors its in-context cost.

    Args:
        graphs: Whole detectors that together hold every module of interest.
    """
    planner = _Planner(_chainable(graphs))
    for graph in graphs:
        planner.plan_tail(graph)
    for spec in planner.blocks:
        if _preserves(spec):
            planner.plan_preserving(spec)
    for spec in planner.blocks:
        if not _preserves(spec):
            planner.plan_changing(spec)
    return planner.plan()


class _Planner:
    def __init__(self, blocks: tuple[ModuleSpec, ...]) -> None:
        self.blocks = blocks
        self._blocks = frozenset(blocks)
        self._workloads: dict[str, Workload] = {}
        self._terms: dict[ModuleSpec, dict[str, float]] = {}

    def plan(self) -> ContextPlan:
        recipes = tuple(
            Recipe(spec, tuple((weight, key) for key, weight in terms.items() if weight))
            for spec, terms in self._terms.items()
        )
        return ContextPlan(tuple(self._workloads.values()), recipes)

    def plan_preserving(self, spec: ModuleSpec) -> None:
        short = self._time(chain([spec] * SHORT), f"{SHORT} x {spec.kind}")
        long = self._time(chain([spec] * LONG), f"{LONG} x {spec.kind}")
        weight = 1 / (LONG - SHORT)
        self._terms[spec] = {long: weight, short: -weight}

    def plan_changing(self, spec: ModuleSpec) -> None:
        before, after = self._before(spec), self._after(spec)
        terms: dict[str, float] = {}
        if before:
            _add(terms, {self._time(chain(before), f"before {spec.kind}"): -1.0})
        whole = chain([*before, spec, *after])
        _add(terms, {self._time(whole, f"{spec.kind} in context"): 1.0})
        for module in after:
            _add(terms, self._terms[module], -1.0)
        self._terms[spec] = terms

    def plan_tail(self, graph: Graph) -> None:
        """Time growing prefixes of everything behind the blocks."""
        tail = [node for node in graph.nodes if node.spec not in self._blocks]
        if all(node.spec in self._terms for node in tail):
            return
        previous: str | None = None
        for index, node in enumerate(tail):
            names = [other.name for other in tail[: index + 1]]
            prefix = self._time(graph.subgraph(names), f"tail up to {node.name}")
            terms = {prefix: 1.0} if previous is None else {prefix: 1.0, previous: -1.0}
            self._terms.setdefault(node.spec, terms)
            previous = prefix

    def _before(self, spec: ModuleSpec) -> list[ModuleSpec]:
        shape = spec.inputs[0]
        same = [m for m in self.blocks if _preserves(m) and m.inputs[0] == shape]
        if same:
            return [_cheapest(same)] * BORDER
        makers = [m for m in self.blocks if outputs_of(m)[0] == shape]
        return [_cheapest(makers)] if makers else []

    def _after(self, spec: ModuleSpec) -> list[ModuleSpec]:
        shape = outputs_of(spec)[0]
        same = [m for m in self.blocks if _preserves(m) and m.inputs[0] == shape]
        return [_cheapest(same)] * BORDER if same else []

    def _time(self, graph: Graph, label: str) -> str:
        workload = Workload(CHAIN, label, graph)
        self._workloads.setdefault(workload.key, workload)
        return workload.key


def _chainable(graphs: Iterable[Graph]) -> tuple[ModuleSpec, ...]:
    """Return the distinct backbone modules with one map in and one map out."""
    specs = dict.fromkeys(n.spec for g in graphs for n in g.nodes if n.part == "backbone")
    return tuple(s for s in specs if len(s.inputs) == 1 and len(outputs_of(s)) == 1)


def _preserves(spec: ModuleSpec) -> bool:
    return outputs_of(spec)[0] == spec.inputs[0]


def _cheapest(specs: Sequence[ModuleSpec]) -> ModuleSpec:
    return min(specs, key=lambda spec: (cost_of(spec).macs, spec.key))


def _add(terms: dict[str, float], more: Mapping[str, float], factor: float = 1.0) -> None:
    for key, weight in more.items():
        terms[key] = terms.get(key, 0.0) + factor * weight
