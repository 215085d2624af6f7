"""The constraints of one search, ready to be asked about architectures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import ObjectiveError
from .objective import AnyOf, Bound, Constraint, Objective, objective_named

if TYPE_CHECKING:
    from searchspaces import Architecture

CACHE_SIZE = 65_536  # architectures; covers every enumerable space, bounds the memory of others
ROUNDING = 1e-9  # by which values computed at once may differ from values computed one by one


class ConstraintSet:
    """Answer how far an architecture is from keeping every constraint.

    Args:
        constraints: Bounds on known objectives; of an :class:`AnyOf` one has to be kept.
        objectives: The objectives of the search.

    Attributes:
        constraints: All bounds, those inside an :class:`AnyOf` one after the other.
        groups: Indices of bounds, of each group one has to be kept.
        objectives: The objectives of the search.

    Raises:
        ObjectiveError: A constraint bounds an objective that is missing or not known, or asks
            for a confidence that the objective does not give.
    """

    def __init__(self, constraints: Sequence[Bound], objectives: Sequence[Objective]) -> None:
        self.constraints, self.groups = _flat(constraints)
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
        kept = [value <= constraint.upper for value, constraint in pairs]
        return all(any(kept[index] for index in group) for group in self.groups)

    def kept(self, index: int, architecture: Architecture) -> bool:
        """Return whether the architecture keeps constraint ``index``."""
        return self.value(index, architecture) <= self.constraints[index].upper

    def excess(self, architecture: Architecture) -> float:
        """Return by what share of its bound the worst constraint is exceeded.

        Of an :class:`AnyOf` the least exceeded one counts. At most 0 where all is kept.
        """
        shares = self._excesses(architecture)
        return max((min(shares[i] for i in group) for group in self.groups), default=0.0)

    def share(self, index: int, value: float) -> float:
        """Return by what share of its bound a value exceeds constraint ``index``."""
        upper = self.constraints[index].upper
        return (value - upper) / (abs(upper) or 1.0)

    def worst(self, architecture: Architecture) -> int:
        """Return the index of the constraint that decides :meth:`excess`."""
        shares = self._excesses(architecture)
        nearest = [min(group, key=shares.__getitem__) for group in self.groups]
        return max(nearest, key=shares.__getitem__)

    def named(self, index: int) -> Objective:
        """Return the objective that constraint ``index`` bounds."""
        return objective_named(self.objectives, self.constraints[index].objective)

    def possible(self, architectures: Sequence[Architecture]) -> npt.NDArray[np.bool_]:
        """Mark the architectures ``(n,)`` that may keep every constraint, quickly.

        Compares the values that :meth:`Objective.values` gives, with room for their rounding. A
        bound that is kept with a probability of at least one half is not kept where the value
        itself exceeds it; below one half, and for what is marked, :meth:`satisfied` decides.
        """
        kept = [self._possible(index, architectures) for index in range(len(self))]
        marked = np.ones(len(architectures), dtype=np.bool_)
        for group in self.groups:
            marked &= np.any([kept[index] for index in group], axis=0)
        return marked

    def show_all(self) -> str:
        """Write all constraints: ``a <= 3 and (b <= 1 or c <= 2)``."""
        parts = [[self.show(index) for index in group] for group in self.groups]
        return " and ".join(p[0] if len(p) == 1 else f"({' or '.join(p)})" for p in parts)

    def show(self, index: int) -> str:
        """Write a constraint for people: ``latency_ms <= 30 ms at 0.9 confidence``."""
        constraint = self.constraints[index]
        objective = self.named(index)
        text = f"{constraint.objective} <= {objective.show(constraint.upper)}"
        if constraint.confidence is None:
            return text
        return f"{text} at {constraint.confidence:.4g} confidence"

    def show_value(self, index: int, value: float) -> str:
        """Write a value that a constraint compares, with its unit."""
        return self.named(index).show(value)

    def _compute(self, architecture: Architecture) -> tuple[float, ...]:
        return tuple(function(architecture) for function in self._functions)

    def _excesses(self, architecture: Architecture) -> list[float]:
        return [self.share(index, v) for index, v in enumerate(self.values(architecture))]

    def _possible(
        self, index: int, architectures: Sequence[Architecture]
    ) -> npt.NDArray[np.bool_]:
        constraint = self.constraints[index]
        if constraint.confidence is not None and constraint.confidence < 0.5:
            return np.ones(len(architectures), dtype=np.bool_)
        room = ROUNDING * abs(constraint.upper)
        return self.named(index).values(architectures) <= constraint.upper + room


def _flat(
    bounds: Sequence[Bound],
) -> tuple[tuple[Constraint, ...], tuple[tuple[int, ...], ...]]:
    """Return the constraints one after the other, and which of them belong together."""
    constraints: list[Constraint] = []
    groups = []
    for bound in bounds:
        members = bound.constraints if isinstance(bound, AnyOf) else (bound,)
        groups.append(tuple(range(len(constraints), len(constraints) + len(members))))
        constraints += members
    return tuple(constraints), tuple(groups)


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
