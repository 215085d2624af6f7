"""What a model-based search chooses from: networks near the front, and anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set as AbstractSet
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..objectives.constraints import ConstraintSet
from ..surrogates.base import Floats
from .draw import CROSSED, MUTATED, REFINED, SAMPLED, STEPPED, Draw
from .neighbours import neighbour

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

SAMPLED_SHARE = 0.4  # of the first candidates are drawn from the whole space
BEST, STEPS = 8, 8  # in each later round so many of the best are changed in so many ways
ROUNDS = 2

Score = Callable[[Sequence["Architecture"]], Floats]


def ranked_candidates(
    space: SearchSpace,
    front: Sequence[Architecture],
    constraints: ConstraintSet,
    seen: AbstractSet[Architecture],
    score: Score,
    count: int,
    rng: np.random.Generator,
) -> list[Draw]:
    """Return new candidates that may keep the constraints, best score first.

    Candidates are networks of the whole space, and neighbours, mutations and children of the
    front; then what is one step away from the best of them, twice.

    Args:
        space: Any search space.
        front: Networks to start from.
        constraints: Of the search; candidates that cannot keep them are left out.
        seen: Networks to leave out.
        score: Gives ``(n,)`` scores; the larger, the better.
        count: Candidates of the first round.
        rng: Source of randomness.
    """
    known: dict[Architecture, float] = {}
    draws: dict[Architecture, Draw] = {}
    fresh = [_drawn(space, front, rng) for _ in range(count)]
    for later in range(1 + ROUNDS):
        if later:
            best = sorted(known, key=known.__getitem__, reverse=True)[:BEST]  # stable
            fresh = [_refined(space, draws[arch], rng) for arch in best for _ in range(STEPS)]
        new = _admitted(space, fresh, constraints, {*seen, *known})
        if new:
            draws |= {drawn.architecture: drawn for drawn in new}
            archs = [drawn.architecture for drawn in new]
            known |= dict(zip(archs, score(archs).tolist(), strict=True))
    return [draws[arch] for arch in sorted(known, key=known.__getitem__, reverse=True)]


def _admitted(
    space: SearchSpace,
    drawn: Sequence[Draw],
    constraints: ConstraintSet,
    seen: AbstractSet[Architecture],
) -> list[Draw]:
    canonical: dict[Architecture, Draw] = {}
    for each in drawn:
        if space.is_valid(each.architecture):
            arch = space.canonical(each.architecture)
            canonical.setdefault(arch, replace(each, architecture=arch))
    new = [each for arch, each in canonical.items() if arch not in seen]
    possible = constraints.possible([each.architecture for each in new])
    return [each for each, kept in zip(new, possible, strict=True) if kept]


def _drawn(space: SearchSpace, front: Sequence[Architecture], rng: np.random.Generator) -> Draw:
    if not front or rng.random() < SAMPLED_SHARE:
        return Draw(space.sample(rng), SAMPLED)
    one = front[int(rng.integers(len(front)))]
    if rng.random() < 1 / 3:
        other = front[int(rng.integers(len(front)))]
        return Draw(space.crossover(one, other, rng), CROSSED, (one, other))
    return _beside(space, one, rng)


def _beside(space: SearchSpace, arch: Architecture, rng: np.random.Generator) -> Draw:
    if rng.random() < 0.5:
        return Draw(neighbour(space, arch, rng), STEPPED, (arch,))
    return Draw(space.mutate(arch, rng), MUTATED, (arch,))


def _refined(space: SearchSpace, drawn: Draw, rng: np.random.Generator) -> Draw:
    """Go one step further from a candidate, which was not evaluated: its parents stay."""
    return Draw(_beside(space, drawn.architecture, rng).architecture, REFINED, drawn.parents)
