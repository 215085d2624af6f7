"""What strategies share that propose partial codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import ResultsPendingError, SpaceExhaustedError
from ..objectives.constraints import ConstraintSet
from ..objectives.objective import Bound, Objective, evaluated_objective
from ..spaces.partial_space import PartialSpace, partial_objective
from .base import StrategyBase
from .beam import Beam
from .contract import StrategyOptions
from .draw import EXTENDED, Draw, Source

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace


class PartialStrategy(StrategyBase):
    """Propose partial codes beside whole architectures, and wait for results in between.

    ``space`` and ``objectives`` become those that take partial codes: what runs the strategy
    takes both from it.
    """

    needs_every_result = True

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Bound] = (),
        seed: int = 0,
        options: StrategyOptions | None = None,
    ) -> None:
        super().__init__(space, objectives, constraints, seed, options)
        self.whole = space
        self.space = PartialSpace(space)
        self.objectives = tuple(partial_objective(goal, space) for goal in self.objectives)
        self.constraints = ConstraintSet(constraints, self.objectives)
        self._goal = evaluated_objective(self.name, self.objectives)

    def _sources(self) -> Sequence[Source]:
        return ()  # nothing is drawn

    def _score(self, architecture: Architecture) -> float:
        """Return what was told of an architecture, more is better; NaN where it failed."""
        value = self._told[architecture][self.objectives.index(self._goal)]
        return float(-self._goal.sign * value)

    def _step(self, beam: Beam) -> Draw | None:
        """Return the beam's next code to ask for; ``None`` at its end or while it waits."""
        while True:
            layer = {code: self.space.canonical(code) for code in beam.layer}
            for code, told in layer.items():
                if told not in self._seen:
                    return Draw(told, EXTENDED, self._parents(beam, code))
            if beam.at_end or not all(code in self._told for code in layer.values()):
                return None
            beam.advance({code: self._score(told) for code, told in layer.items()})

    def _parents(self, beam: Beam, code: Architecture) -> tuple[Architecture, ...]:
        """Return what a code extends, if that was evaluated: the first code of a beam is not."""
        parent = self.space.canonical(beam.parent(code))
        return (parent,) if parent in self._told else ()

    def _exhausted(self) -> SpaceExhaustedError:
        pending, proposed = len(self._pending), len(self._seen)
        if pending:
            what = f"{self.name} proposes more once the {pending} pending results are told"
            return ResultsPendingError(what, proposed=proposed, proven=False)
        what = f"{self.name} is at its end after {proposed} evaluations"
        return SpaceExhaustedError(what, proposed=proposed, proven=False)
