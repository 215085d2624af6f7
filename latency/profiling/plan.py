"""What a profile of a space may measure, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from searchspaces import Architecture, Graph, SearchSpace, chain, distinct_modules

from ..joint import Equation, Spread, equation_of, identifying_set, unmeasured
from ..tables.table_file import read_table
from ..workloads.context import Recipe, plan_context
from ..workloads.workload import CHAIN, DETECTOR, MODULE, Workload
from .active import ActiveAgenda, Aim
from .agenda import Agenda, FixedAgenda, RepeatingAgenda
from .config import ProfileConfig

AIMED_AT = 256
"""Random detectors that stand for the space when measurements are chosen: enough that what one
detector in a hundred is made of, and may be far off by, is among them."""

SURE = 0.05
"""Standard deviation of a module's cost, relative to it, at which chains tell enough."""

NEGLIGIBLE, LEAST_MS = 0.002, 1e-6
"""Doubt, as a share of the longest chain, that no module need be surer than: a detector's error
does not show it."""

PLANNING = Spread(layer=0.2, module=0.1, part_noise=0.01)
MOST_TO_CHOOSE_FROM = 2000
"""Chains beyond which choosing among them takes longer than it saves."""

MOST_COVERING = 64
"""Detectors that hold all modules, beyond which the chains of random detectors must do: spaces
such as smnas-modular have tens of thousands of modules, most of them alike."""


def plan_profile(
    space: SearchSpace, config: ProfileConfig
) -> tuple[tuple[Workload, ...], tuple[Recipe, ...]]:
    """List what a profile measures, in the order of its first replicate, and how it combines.

    The tail's chains come first: nothing can stand in for them. Then the blocks' chains and the
    whole detectors alternate, so that a profile that is cut short can be fitted, the modules not
    reached being estimated, and slow drifts of the machine fall on both alike.
    """
    chains: list[Workload] = []
    recipes: tuple[Recipe, ...] = ()
    if config.modules:
        plan = plan_context(covering_graphs(space, config))
        every = config.all_chains or config.is_active  # an active agenda weighs them itself
        chains += plan.workloads if every else cheapest_chains(plan.workloads)
        recipes = plan.recipes
    if config.isolated:
        chains += [Workload(MODULE, r.spec.kind, chain([r.spec])) for r in recipes]
    detectors: list[Workload] = []
    for arch in sample_distinct(space, config.detectors, np.random.default_rng(config.seed)):
        label = f"{space.name}:{space.encode(arch)}"
        detectors.append(Workload(DETECTOR, label, _graph(space, arch, config)))
    tails = [w for w in chains if _is_tail(w)]
    others = [w for w in chains if not _is_tail(w)]
    ordered = [*tails, *_alternate(others, detectors)]
    return tuple({workload.key: workload for workload in ordered}.values()), recipes


def _is_tail(workload: Workload) -> bool:
    """Return whether a chain holds none of the blocks that other chains can stand in for."""
    return workload.role == CHAIN and all(n.part != "backbone" for n in workload.graph.nodes)


def _alternate(a: list[Workload], b: list[Workload]) -> list[Workload]:
    """Merge two lists evenly, each in its own order."""
    placed = [
        ((index + 1) / (len(items) + 1), which, item)
        for which, items in enumerate((a, b))
        for index, item in enumerate(items)
    ]
    return [item for _, _, item in sorted(placed, key=lambda entry: entry[:2])]


def sample_distinct(
    space: SearchSpace, count: int, rng: np.random.Generator
) -> tuple[Architecture, ...]:
    """Draw distinct architectures; fewer only where the space holds fewer."""
    wanted, found = min(count, space.size), dict[Architecture, None]()
    for _ in range(100 * wanted + 100):
        if len(found) >= wanted:
            break
        found[space.canonical(space.sample(rng))] = None
    return tuple(found)[:wanted]


def make_agenda(
    space: SearchSpace, config: ProfileConfig, workloads: tuple[Workload, ...]
) -> Agenda:
    """Return the order in which a profile measures its workloads."""
    if config.like is not None:
        return RepeatingAgenda(read_table(config.like), config.replicates, config.seed)
    if not config.is_active:
        return FixedAgenda(workloads, config.replicates, config.seed)
    aim = Aim(aimed_at(space, config), config.near_ms)
    return ActiveAgenda(workloads, aim, config.protocol, config.replicates)


def aimed_at(space: SearchSpace, config: ProfileConfig) -> tuple[Equation, ...]:
    """Return random detectors that stand for the space; others than those that are measured."""
    rng = np.random.default_rng([config.seed, AIMED_AT])
    return tuple(
        equation_of(_graph(space, arch, config), whole=True)
        for arch in sample_distinct(space, AIMED_AT, rng)
    )


def cheapest_chains(chains: Sequence[Workload]) -> tuple[Workload, ...]:
    """Return the cheapest of some chains that tell what every module in them costs.

    A module's cost follows from one chain where its borders are known from others; differences of
    two chains for every module are twice as many. Chains keep their order.
    """
    if len(chains) > MOST_TO_CHOOSE_FROM:
        return tuple(chains)
    equations = [equation_of(chain.graph, whole=False) for chain in chains]
    specs = dict.fromkeys(spec for equation in equations for spec in equation.counts)
    modules = [Equation({spec: 1}, 1.0, whole=False) for spec in specs]
    known = unmeasured(PLANNING)
    ms = known.whole_ms([equation.counts for equation in equations])
    seconds = np.asarray(1.0 + ms / ms.mean())  # building an engine takes as long as timing it
    alone = known.whole_ms([equation.counts for equation in modules])
    doubts = np.maximum(SURE, NEGLIGIBLE * float(ms.max()) / np.maximum(alone, LEAST_MS))
    chosen = identifying_set(known, equations, seconds, modules, doubts)
    return tuple(chains[index] for index in sorted(chosen))


def covering_graphs(space: SearchSpace, config: ProfileConfig) -> list[Graph]:
    """Return detectors whose modules are to be measured: all modules, or those of a sample."""
    _, covering = distinct_modules(space)
    if len(covering) > MOST_COVERING:
        covering = sample_distinct(space, MOST_COVERING, np.random.default_rng(config.seed))
    return [_graph(space, arch, config) for arch in covering]


def _graph(space: SearchSpace, arch: Architecture, config: ProfileConfig) -> Graph:
    return space.detector(arch).graph(config.batch, config.protocol.precision)
