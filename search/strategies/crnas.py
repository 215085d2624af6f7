"""Both levels of CR-NAS (Liang et al., ICLR 2020), one after the other, for several budgets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from searchspaces import Architecture, CrNasSpace

from ..errors import StrategyError
from ..objectives.constraints import ConstraintSet
from ..objectives.objective import Bound, Constraint, Objective
from ..spaces.partial import UNDECIDED, choices_of
from .beam import Beam
from .checks import check_options
from .contract import StrategyOptions
from .crnas_greedy import CrNasGreedyOptions
from .crnas_stage import eligible_codes
from .draw import LISTED, Draw
from .partial_codes import PartialStrategy

if TYPE_CHECKING:
    from searchspaces import SearchSpace


@dataclass(frozen=True, slots=True)
class CrNasOptions(CrNasGreedyOptions):
    """Options of :class:`CrNasStrategy`.

    Attributes:
        budgets: Upper values of the search's first constraint, such as milliseconds; each gets a
            stage code and a dilation search of its own. Without, every number of blocks that the
            space holds does.

    Raises:
        StrategyError: A value is out of range.
    """

    budgets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        # not super(): the class that slots=True makes is another than the one written here
        CrNasGreedyOptions.__post_init__(self)
        for budget in self.budgets:
            if isinstance(budget, bool) or not isinstance(budget, int | float):
                raise StrategyError(f"budgets must be numbers, got {budget!r}")
            if not math.isfinite(budget):
                raise StrategyError(f"budgets must be finite, got {budget}")
        object.__setattr__(self, "budgets", tuple(sorted(set(map(float, self.budgets)))))


@dataclass(frozen=True, slots=True)
class _Target:
    """One budget: its eligible stage codes, undilated, and what its networks keep."""

    codes: tuple[Architecture, ...]
    bounds: ConstraintSet


class CrNasStrategy(PartialStrategy):
    """Evaluate every eligible stage code, then search the dilations on each budget's best one.

    The stage level is that of ``crnas-stage``, the dilation level that of ``crnas-greedy``; both
    use the same evaluator, so that one supernet serves all budgets. Partial codes that several
    budgets share are evaluated once.

    Raises:
        StrategyError: The space is none of CR-NAS' spaces of both levels, or budgets are given
            that the first constraint does not hold.
        ObjectiveError: Every objective is known, so that there is nothing to rank by.
        InfeasibleBudgetError: No stage code keeps one of the budgets.
    """

    name = "crnas"
    options_type = CrNasOptions

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Bound] = (),
        seed: int = 0,
        options: StrategyOptions | None = None,
    ) -> None:
        if not isinstance(space, CrNasSpace):
            raise StrategyError(
                f"crnas searches stages and dilations of a CR-NAS space such as crnas-resnet50, "
                f"not {space.name}; crnas-stage and crnas-greedy search one level"
            )
        super().__init__(space, objectives, constraints, seed, options)
        setup = check_options(self.name, self.options, CrNasOptions)
        self._width = setup.width
        self._searched = len(space.stage_codes.all[0])
        self._targets = self._make_targets(space, constraints, setup.budgets)
        self._codes = tuple(dict.fromkeys(code for each in self._targets for code in each.codes))
        order = self._rng.permutation(len(self._codes)).tolist()
        self._queue: list[Architecture] = [self._codes[place] for place in reversed(order)]
        self._beams: dict[int, Beam] = {}

    @property
    def notes(self) -> dict[str, int]:
        """Return how many stage codes are eligible, for the statement on the run."""
        return {"eligible": len(self._codes)}

    def _next(self) -> Draw | None:
        while self._queue:
            code = self._queue.pop()
            if code not in self._seen:
                return Draw(code, LISTED)
        if not all(code in self._told for code in self._codes):
            return None
        proposals = (self._step(beam) for beam in self._running_beams())
        return next((drawn for drawn in proposals if drawn is not None), None)

    def _running_beams(self) -> Sequence[Beam]:
        """Return the dilation search of every budget whose stage search gave a result."""
        if not self._beams:
            for number, target in enumerate(self._targets):
                best = self._best(target.codes)
                if best is not None:
                    self._beams[number] = self._beam(best, target)
        return tuple(self._beams.values())

    def _best(self, codes: Sequence[Architecture]) -> Architecture | None:
        """Return the best of the told codes, of equals the first; ``None`` where all failed."""
        worked = [code for code in codes if not math.isnan(self._score(code))]
        return max(worked, key=self._score, default=None)

    def _beam(self, stages: Architecture, target: _Target) -> Beam:
        blocks = len(choices_of(self.whole, stages)) - self._searched
        genes = (*stages.genes[: self._searched], *((UNDECIDED,) * blocks))
        start = replace(stages, genes=genes)
        choices = choices_of(self.whole, start)
        return Beam(start, choices, self._width, target.bounds.satisfied)

    def _make_targets(
        self, space: CrNasSpace, constraints: Sequence[Bound], budgets: tuple[float, ...]
    ) -> tuple[_Target, ...]:
        if budgets:
            sets = [
                ConstraintSet(_tightened(constraints, upper), self.objectives) for upper in budgets
            ]
            return tuple(_Target(tuple(eligible_codes(space, each)), each) for each in sets)
        eligible = eligible_codes(space, self.constraints)
        rule, targets = space.stage_codes.rule, []
        for blocks in space.stage_codes.budgets:
            codes = set(rule.eligible(blocks))
            own = tuple(code for code in eligible if code.genes[: self._searched] in codes)
            if own:
                targets.append(_Target(own, self.constraints))
        return tuple(targets)


def _tightened(constraints: Sequence[Bound], upper: float) -> tuple[Bound, ...]:
    """Give the first constraint another upper value."""
    first = constraints[0] if constraints else None
    if not isinstance(first, Constraint) or upper > first.upper:
        bound = "there is none" if first is None else f"got {upper:g} and {first}"
        raise StrategyError(
            f"budgets are upper values of the first constraint and at most its own; {bound}"
        )
    return (replace(first, upper=upper), *constraints[1:])
