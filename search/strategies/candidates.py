"""What a model-based search chooses from: networks near the front, and anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set as AbstractSet
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..constraints import ConstraintSet
from .neighbours import neighbour

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

SAMPLED = 0.4  # of the first candidates are drawn from the whole space
BEST, STEPS = 8, 8  # in each later round so many of the best are changed in so many ways
ROUNDS = 2

Floats = npt.NDArray[np.float64]
Score = Callable[[Sequence["Architecture"]], Floats]


def ranked_candidates(
    space: SearchSpace,
    front: Sequence[Architecture],
    constraints: ConstraintSet,
    seen: AbstractSet[Architecture],
    score: Score,
    count: int,
    rng: np.random.Generator,
) -> list[Architecture]:
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
    fresh = [_drawn(space, front, rng) for _ in range(count)]
    for later in range(1 + ROUNDS):
        if later:
            best = sorted(known, key=known.__getitem__, reverse=True)[:BEST]  # stable
            fresh = [_beside(space, arch, rng) for arch in best for _ in range(STEPS)]
        new = _admitted(space, fresh, constraints, {*seen, *known})
        if new:
            known |= dict(zip(new, score(new).tolist(), strict=True))
    return sorted(known, key=known.__getitem__, reverse=True)


def _admitted(
    space: SearchSpace,
    drawn: Sequence[Architecture],
    constraints: ConstraintSet,
    seen: AbstractSet[Architecture],
) -> list[Architecture]:
    valid = map(space.canonical, filter(space.is_valid, drawn))
    new = [arch for arch in dict.fromkeys(valid) if arch not in seen]
    return [arch for arch, kept in zip(new, constraints.possible(new), strict=True) if kept]


def _drawn(
    space: SearchSpace, front: Sequence[Architecture], rng: np.random.Generator
) -> Architecture:
    if not front or rng.random() < SAMPLED:
        return space.sample(rng)
    one = front[int(rng.integers(len(front)))]
    if rng.random() < 1 / 3:
        return space.crossover(one, front[int(rng.integers(len(front)))], rng)
    return _beside(space, one, rng)


def _beside(space: SearchSpace, arch: Architecture, rng: np.random.Generator) -> Architecture:
    return neighbour(space, arch, rng) if rng.random() < 0.5 else space.mutate(arch, rng)
