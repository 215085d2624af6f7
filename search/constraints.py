"""The constraints of one search, ready to be asked about architectures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from .errors import ObjectiveError
from .objective import Constraint, Objective, objective_named

if TYPE_CHECKING:
    from searchspaces import Architecture

CACHE_SIZE = 65_536  # architectures; covers every enumerable space, bounds the memory of others


class ConstraintSet:
    """Answer how far an architecture is from keeping every constraint.

    Args:
        constraints: Bounds on known objectives.
        objectives: The objectives of the search.

    Raises:
        ObjectiveError: A constraint bounds an objective that is missing or not known, or asks
            for a confidence that the objective does not give.
    """

    def __init__(self, constraints: Sequence[Constraint], objectives: Sequence[Objective]) -> None:
        self.constraints = tuple(constraints)
        self.objectives = tuple(objectives)
        self._functions = tuple(_function(c, objectives) for c in self.constraints)
        self._values = lru_cache(maxsize=CACHE_SIZE)(self._compute)

    def __len__(self) -> int:
        """Return the number of constraints."""
        return len(self.constraints)

    def values(self, architecture: Architecture) -> tuple[float, ...]:
        """Return the value that each constraint compares, in the objective's unit."""
        return self._values(architecture)

    def value(self, index: int, architecture: Architecture) -> float:
        """Return the value that constraint ``index`` compares."""
        return self.values(architecture)[index]

    def satisfied(self, architecture: Architecture) -> bool:
        """Return whether the architecture keeps every constraint (equality keeps it)."""
        pairs = zip(self.values(architecture), self.constraints, strict=True)
        return all(value <= constraint.upper for value, constraint in pairs)

    def excess(self, architecture: Architecture) -> float:
        """Return by what share of its bound the worst constraint is exceeded.

        At most 0 where every constraint is kept.
        """
        return max(self._excesses(architecture), default=0.0)

    def worst(self, architecture: Architecture) -> int:
        """Return the index of the constraint that is exceeded most."""
        excesses = self._excesses(architecture)
        return excesses.index(max(excesses))

    def show(self, index: int) -> str:
        """Write a constraint for people: ``latency_ms <= 30 ms at 95 % confidence``."""
        constraint = self.constraints[index]
        objective = objective_named(self.objectives, constraint.objective)
        text = f"{constraint.objective} <= {objective.show(constraint.upper)}"
        if constraint.confidence is None:
            return text
        return f"{text} at {constraint.confidence:.4g} confidence"

    def show_value(self, index: int, value: float) -> str:
        """Write a value that a constraint compares, with its unit."""
        objective = objective_named(self.objectives, self.constraints[index].objective)
        return objective.show(value)

    def _compute(self, architecture: Architecture) -> tuple[float, ...]:
        return tuple(function(architecture) for function in self._functions)

    def _excesses(self, architecture: Architecture) -> list[float]:
        pairs = zip(self.values(architecture), self.constraints, strict=True)
        return [(value - c.upper) / (abs(c.upper) or 1.0) for value, c in pairs]


def _function(
    constraint: Constraint, objectives: Sequence[Objective]
) -> Callable[[Architecture], float]:
    objective = objective_named(objectives, constraint.objective)
    if constraint.confidence is None:
        if objective.known is None:
            raise ObjectiveError(
                f"a constraint needs a known objective, but {objective.name!r} is only told by "
                "evaluations; give it known=..., or choose on the front with within()"
            )
        return objective.value
    if objective.known_upper is None:
        raise ObjectiveError(
            f"the constraint on {objective.name!r} asks for confidence {constraint.confidence}, "
            "but the objective has no known_upper; give it one or drop the confidence"
        )
    confidence = constraint.confidence
    return lambda architecture: objective.upper(architecture, confidence)
