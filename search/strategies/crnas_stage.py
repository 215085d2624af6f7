"""The stage search of CR-NAS (Liang et al., ICLR 2020): every eligible code is evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from searchspaces import Architecture, CrNasSpace

from ..budgets.feasibility import infeasible_budget
from ..budgets.minimum import Minimum
from ..errors import StrategyError
from ..objectives.constraints import ConstraintSet
from ..objectives.objective import Bound, Objective
from ..spaces.listing import all_architectures
from .base import StrategyBase
from .contract import StrategyOptions
from .draw import LISTED, Draw, Source

if TYPE_CHECKING:
    from searchspaces import SearchSpace

MOST_CODES = 100_000  # that an exhaustive search lists; no stage space of CR-NAS has over 10,000


class CrNasStageStrategy(StrategyBase):
    """Propose every eligible code of a space once: what is best is known, not estimated.

    A code is eligible that keeps the constraints; the space of stage codes holds those of its
    number of blocks. The order is drawn from the seed, so that what an unfinished search has
    seen is a random sample. See :func:`search.optimality_of` for what follows of a run.

    Raises:
        StrategyError: The space has too many codes, or does not list them.
        InfeasibleBudgetError: No code keeps the constraints.
    """

    name = "crnas-stage"

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Bound] = (),
        seed: int = 0,
        options: StrategyOptions | None = None,
    ) -> None:
        super().__init__(space, objectives, constraints, seed, options)
        self._eligible = eligible_codes(self.space, self.constraints)
        order = self._rng.permutation(len(self._eligible)).tolist()
        self._queue: list[Architecture] = [self._eligible[place] for place in reversed(order)]

    @property
    def eligible(self) -> int:
        """Return how many codes are evaluated in all."""
        return len(self._eligible)

    @property
    def notes(self) -> dict[str, int]:
        """Return how many codes are eligible, for the statement on the run."""
        return {"eligible": self.eligible}

    def _sources(self) -> Sequence[Source]:
        return ()  # nothing is drawn

    def _next(self) -> Draw | None:
        while self._queue:
            candidate = self._queue.pop()
            if candidate not in self._seen:
                return Draw(candidate, LISTED)
        self._proven_empty = True
        return None


def eligible_codes(space: SearchSpace, constraints: ConstraintSet) -> list[Architecture]:
    """List the codes of a space that keep the constraints; of CR-NAS' both levels, undilated ones.

    Raises:
        StrategyError: There are too many codes, or the space does not list them.
        InfeasibleBudgetError: No code keeps the constraints.
    """
    listed = _listed(space)
    possible = [listed[place] for place in np.flatnonzero(constraints.possible(listed)).tolist()]
    eligible = [code for code in possible if constraints.satisfied(code)]
    if not eligible:
        nearest = min(listed, key=constraints.excess)
        found = Minimum(nearest, constraints.excess(nearest), exact=len(listed) == space.size)
        raise infeasible_budget(space, constraints, constraints.worst(nearest), found)
    return eligible


def undilated(space: CrNasSpace) -> list[Architecture]:
    """List the stage codes of a CR-NAS space of both levels, each without any dilation."""
    codes, rule = space.stage_codes.all, space.stage_codes.rule
    return [Architecture(space.name, (*code, *((0,) * sum(rule.depths(code))))) for code in codes]


def _listed(space: SearchSpace) -> list[Architecture]:
    if isinstance(space, CrNasSpace):
        return undilated(space)
    listed = all_architectures(space, MOST_CODES)
    if listed is None:
        raise StrategyError(
            f"an exhaustive search takes at most {MOST_CODES:,} codes, listed by the space; "
            f"{space.name} has {space.size:,}; choose a space such as crnas-resnet50-stages, or "
            "another strategy"
        )
    return list(dict.fromkeys(map(space.canonical, listed)))
