"""The Pareto front: what no other architecture beats in every objective."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import FrontError
from ..objectives.objective import Objective, check_objectives, objective_named
from .dominance import FloatArray, hypervolume, minimised, nondominated

if TYPE_CHECKING:
    from searchspaces import Architecture


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """One architecture and its values in the order of the objectives."""

    architecture: Architecture
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ParetoFront:
    """Hold architectures that do not dominate each other; make it with :meth:`of`.

    Points are ordered by the first objective, best first; ties by the next objectives, then by
    the order in which they were given. Different architectures with equal values are all kept.

    Attributes:
        objectives: What the columns of the values mean.
        points: The members.
    """

    objectives: tuple[Objective, ...]
    points: tuple[FrontPoint, ...] = ()

    @classmethod
    def of(
        cls,
        objectives: Sequence[Objective],
        architectures: Sequence[Architecture],
        values: npt.ArrayLike,
    ) -> ParetoFront:
        """Keep the non-dominated of some evaluated architectures.

        A row with a value that is not finite (a failed evaluation) never enters. Of an
        architecture that is given twice with equal values, the first is kept.

        Args:
            objectives: The ``m`` objectives.
            architectures: ``n`` architectures.
            values: ``(n, m)``, rows in the order of the architectures.

        Raises:
            FrontError: There are not as many rows as architectures.
            ObjectiveError: The number of columns is wrong.

        Example:
            >>> from searchspaces import Architecture
            >>> a, b, c = (Architecture("toy", (i,)) for i in range(3))
            >>> goals = Objective("latency_ms", "min"), Objective("ap", "max")
            >>> front = ParetoFront.of(goals, (a, b, c), [[20, 40], [10, 30], [20, 35]])
            >>> [point.values for point in front]
            [(10.0, 30.0), (20.0, 40.0)]
            >>> front.within(15).best("ap").architecture == b
            True
        """
        goals = check_objectives(objectives)
        costs = minimised(values, goals)
        if len(costs) != len(architectures):
            raise FrontError(
                f"got {len(architectures)} architectures and {len(costs)} rows of values"
            )
        rows = np.flatnonzero(nondominated(values, goals))
        order = sorted(rows.tolist(), key=lambda row: tuple(costs[row]))  # stable: ties as given
        table = np.asarray(values, dtype=np.float64)
        points = (FrontPoint(architectures[row], tuple(table[row].tolist())) for row in order)
        return cls(goals, tuple(dict.fromkeys(points)))

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self.points)

    def __iter__(self) -> Iterator[FrontPoint]:
        """Iterate over the members, best in the first objective first."""
        return iter(self.points)

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        """Return the members' architectures."""
        return tuple(point.architecture for point in self.points)

    @property
    def values(self) -> FloatArray:
        """Return the members' values, ``(n, m)``."""
        shape = (len(self.points), len(self.objectives))
        return np.array([point.values for point in self.points], dtype=np.float64).reshape(shape)

    def within(self, budget: float, objective: str | None = None) -> ParetoFront:
        """Return the members that keep a budget.

        Args:
            budget: Bound in the objective's unit: at most it where the objective is minimised,
                at least it where it is maximised.
            objective: Name of the objective; ``None`` takes the first that is minimised and
                known (the latency), else the first that is minimised.

        Raises:
            FrontError: The budget is NaN, or no objective is named and none is minimised.
            ObjectiveError: No objective has that name.
        """
        if not budget == budget:
            raise FrontError("the budget must be a number, got nan")
        goal = self._cost() if objective is None else objective_named(self.objectives, objective)
        column = self.objectives.index(goal)
        kept = (p for p in self.points if goal.sign * p.values[column] <= goal.sign * budget)
        return ParetoFront(self.objectives, tuple(kept))

    def best(self, objective: str | None = None) -> FrontPoint:
        """Return the member that is best in one objective; ties go to the first in order.

        Args:
            objective: Name of the objective; ``None`` takes the first that is not known (the
                accuracy), else the first.

        Raises:
            FrontError: The front is empty.
            ObjectiveError: No objective has that name.
        """
        if not self.points:
            raise FrontError("the front is empty: nothing succeeded, or nothing keeps the budget")
        unknown = [goal for goal in self.objectives if not goal.is_known]
        default = (unknown or self.objectives)[0]
        goal = default if objective is None else objective_named(self.objectives, objective)
        column = self.objectives.index(goal)
        return min(self.points, key=lambda point: goal.sign * point.values[column])

    def hypervolume(self, reference: Sequence[float]) -> float:
        """Return the volume that the front dominates, bounded by a reference point.

        Args:
            reference: ``(m,)``: the worst acceptable value of every objective, in its own unit.

        Raises:
            ObjectiveError: The reference has the wrong length or is not finite.
        """
        return hypervolume(self.values, self.objectives, reference)

    def _cost(self) -> Objective:
        minimised_goals = [goal for goal in self.objectives if goal.direction == "min"]
        if not minimised_goals:
            raise FrontError("no objective is minimised; name the one that the budget is for")
        return next((goal for goal in minimised_goals if goal.is_known), minimised_goals[0])
