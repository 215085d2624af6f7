"""The first networks of a model-based search: spread over a known cost and over features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..budgets.descent import descend
from ..budgets.feasibility import minimise
from ..objectives.constraints import ConstraintSet
from ..objectives.objective import Objective
from ..surrogates.base import Floats

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

SAMPLES = 32  # networks to choose from, per network of the design
CALLS = 200  # of the cost, on the way to the dearest network
ROUNDS = 4  # crossings with an extreme network lie nearer to it in every round


def stratified_design(
    space: SearchSpace,
    cost: Objective,
    constraints: ConstraintSet,
    features: Callable[[Sequence[Architecture]], Floats],
    count: int,
    rng: np.random.Generator,
) -> list[Architecture]:
    """Choose networks that are spread over the range of a known cost.

    The cheapest and the dearest network that keep the constraints come first, as far as they are
    found; then one out of every part of the range between, unlike those chosen before. Random
    networks cost much the same, so that crossings with the cheapest and the dearest are added.

    Args:
        space: Any search space.
        cost: A known objective.
        constraints: Of the search.
        features: Gives ``(n, d)`` features.
        count: How many to choose.
        rng: Source of randomness.

    Returns:
        At most ``count`` networks in canonical form, all different.
    """
    samples = [space.sample(rng) for _ in range(SAMPLES * count)]
    ends = _extremes(space, cost, constraints, samples, rng)
    mixed = [_towards(space, end, samples, rng) for end in ends for _ in range(SAMPLES * count)]
    valid = (arch for arch in (*ends, *samples, *mixed) if space.is_valid(arch))
    pool = list(dict.fromkeys(map(space.canonical, valid)))
    pool = [arch for arch, kept in zip(pool, constraints.possible(pool), strict=True) if kept]
    if not pool:
        return []
    costs, table = cost.values(pool), features(pool)
    spread = table.std(axis=0)
    table = (table - table.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    rows = _one_of_each_part(costs, table, count, rng)
    return [pool[row] for row in rows]


def _extremes(
    space: SearchSpace,
    cost: Objective,
    constraints: ConstraintSet,
    samples: Sequence[Architecture],
    rng: np.random.Generator,
) -> list[Architecture]:
    """Return the cheapest and the dearest network found that keep the constraints."""
    low = minimise(space, cost, rng, CALLS).architecture
    kept = [
        arch for arch, good in zip(samples, constraints.possible(samples), strict=True) if good
    ]
    starts = kept or [low]
    start = starts[int(np.argmax(cost.values(starts)))]

    def dearness(arch: Architecture) -> float:
        excess = constraints.excess(arch)
        return -cost.value(arch) if excess <= 0.0 else excess + abs(cost.value(start))

    high, _ = descend(space, start, dearness, rng, CALLS)
    return [low, high]


def _towards(
    space: SearchSpace,
    end: Architecture,
    samples: Sequence[Architecture],
    rng: np.random.Generator,
) -> Architecture:
    """Cross a sample with an extreme network, from once to several times."""
    arch = samples[int(rng.integers(len(samples)))]
    for _ in range(int(rng.integers(1, ROUNDS + 1))):
        child = space.crossover(end, arch, rng)
        if space.is_valid(child):
            arch = child
    return arch


def _one_of_each_part(
    costs: Floats, table: Floats, count: int, rng: np.random.Generator
) -> list[int]:
    """Return the rows of the cheapest, the dearest, and one of each part of the range between."""
    chosen = list(dict.fromkeys((int(np.argmin(costs)), int(np.argmax(costs)))))[:count]
    far = _distances(table, chosen)
    borders = np.linspace(costs.min(), costs.max(), count - 1 if count > 2 else 2)
    part = np.clip(np.searchsorted(borders, costs, side="right") - 1, 0, len(borders) - 2)
    order = rng.permutation(len(borders) - 1).tolist()
    while len(chosen) < min(count, len(costs)):
        inside = part == order.pop() if order else np.ones(len(costs), dtype=np.bool_)
        inside[chosen] = False
        if not inside.any():
            continue
        row = int(np.flatnonzero(inside)[np.argmax(far[inside])])
        chosen.append(row)
        far = np.minimum(far, _distances(table, [row]))
    return chosen


def _distances(table: Floats, rows: Sequence[int]) -> Floats:
    """Return the distance ``(n,)`` of every row to the nearest of some."""
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(table, table[list(rows)]).min(axis=1))
