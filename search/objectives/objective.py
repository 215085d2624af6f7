"""What a search minimises or maximises, and what it must keep."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from ..errors import ObjectiveError

if TYPE_CHECKING:
    from searchspaces import Architecture

DIRECTIONS = ("min", "max")


@dataclass(frozen=True, slots=True)
class Objective:
    """Name one number that the search improves.

    Attributes:
        name: Name, unique among the objectives of a search; units in names (``latency_ms``).
        direction: ``"min"`` or ``"max"``.
        unit: Unit for people (``"ms"``, ``"AP"``); may be empty.
        known: Computes the value exactly and for free (latency from a predictor, MACs).
            ``None`` marks an objective that only an evaluation tells.
        known_upper: ``known_upper(architecture, confidence)``: the bound that the value keeps
            with that probability; a :class:`Constraint` with a confidence needs it.
        known_many: Computes ``(n,)`` values of ``n`` architectures at once, equal to ``known`` up
            to rounding; strategies rank thousands of candidates by it. ``None`` asks ``known``.

    Raises:
        ObjectiveError: A field has the wrong form.

    Example:
        >>> Objective("latency_ms", "min", "ms", known=lambda arch: 12.5).is_known
        True
    """

    name: str
    direction: Literal["min", "max"]
    unit: str = ""
    known: Callable[[Architecture], float] | None = None
    known_upper: Callable[[Architecture, float], float] | None = None
    known_many: Callable[[Sequence[Architecture]], npt.ArrayLike] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ObjectiveError(f"an objective needs a name, got {self.name!r}")
        if self.direction not in DIRECTIONS:
            raise ObjectiveError(
                f"direction of {self.name!r} must be 'min' or 'max', got {self.direction!r}"
            )
        for field in ("known", "known_upper", "known_many"):
            function = getattr(self, field)
            if function is not None and not callable(function):
                raise ObjectiveError(
                    f"{field} of {self.name!r} must be a function of an architecture or None, "
                    f"got {function!r}"
                )

    @property
    def is_known(self) -> bool:
        """Return whether the value is computed without an evaluation."""
        return self.known is not None

    @property
    def sign(self) -> float:
        """Return the factor that turns the objective into one to minimise: 1 or -1."""
        return 1.0 if self.direction == "min" else -1.0

    def value(self, architecture: Architecture) -> float:
        """Compute the value of a known objective.

        Raises:
            ObjectiveError: The objective is not known, or its value is not finite.
        """
        if self.known is None:
            raise ObjectiveError(f"{self.name!r} is not known; only an evaluation tells it")
        return _finite(self.known(architecture), self.name, architecture)

    def values(self, architectures: Sequence[Architecture]) -> npt.NDArray[np.float64]:
        """Compute the values ``(n,)`` of a known objective, up to rounding those of ``value``.

        Raises:
            ObjectiveError: The objective is not known, or gives other than n finite numbers.
        """
        if self.known_many is None:
            return np.array([self.value(each) for each in architectures], dtype=np.float64)
        table = np.asarray(self.known_many(architectures), dtype=np.float64)
        if table.shape != (len(architectures),) or not np.isfinite(table).all():
            raise ObjectiveError(
                f"known_many of {self.name!r} must give {len(architectures)} finite numbers, got "
                f"shape {table.shape}"
            )
        return table

    def upper(self, architecture: Architecture, confidence: float) -> float:
        """Compute the bound that the value keeps with probability ``confidence``.

        Raises:
            ObjectiveError: The objective has no ``known_upper``, or its value is not finite.
        """
        if self.known_upper is None:
            raise ObjectiveError(f"{self.name!r} has no known_upper; it gives no confidence")
        return _finite(self.known_upper(architecture, confidence), self.name, architecture)

    def show(self, value: float) -> str:
        """Write a value of the objective with its unit, as ``12.5 ms``."""
        return f"{value:.6g} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Constraint:
    """Bound a known objective from above; no strategy proposes what violates it.

    Attributes:
        objective: Name of a known objective of the same search.
        upper: Largest allowed value, in the objective's unit.
        confidence: ``None`` compares ``known(architecture)``; a probability in (0, 1) compares
            ``known_upper(architecture, confidence)``, so that the value keeps the bound with
            that probability.

    Raises:
        ObjectiveError: A field has the wrong form.
    """

    objective: str
    upper: float
    confidence: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.objective, str) or not self.objective.strip():
            raise ObjectiveError(
                f"a constraint names the objective it bounds, got {self.objective!r}"
            )
        if not _is_number(self.upper):
            raise ObjectiveError(
                f"upper bound of {self.objective!r} must be a finite number, got {self.upper!r}"
            )
        if self.confidence is None:
            return
        if not _is_number(self.confidence) or not 0.0 < self.confidence < 1.0:
            raise ObjectiveError(
                f"confidence of the bound on {self.objective!r} must lie between 0 and 1 "
                f"(0.95, not 95), got {self.confidence!r}"
            )


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Ask for at least one of several constraints: a budget on each of several devices.

    Attributes:
        constraints: Of which one is enough.

    Raises:
        ObjectiveError: There is none, or something else is among them.
    """

    constraints: tuple[Constraint, ...]

    def __post_init__(self) -> None:
        members = self.constraints
        if not members or not all(isinstance(each, Constraint) for each in members):
            raise ObjectiveError(f"AnyOf needs a tuple of constraints, got {members!r}")


Bound = Constraint | AnyOf
"""What a search must keep."""


def check_objectives(objectives: Sequence[Objective]) -> tuple[Objective, ...]:
    """Check the objectives of a search and return them as a tuple.

    Raises:
        ObjectiveError: There is none, or two have the same name.
    """
    checked = tuple(objectives)
    if not checked:
        raise ObjectiveError("a search needs at least one objective, got none")
    names = [objective.name for objective in checked]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ObjectiveError(f"objectives must have different names, got {twice[0]!r} twice")
    return checked


def objective_named(objectives: Sequence[Objective], name: str) -> Objective:
    """Return the objective of that name.

    Raises:
        ObjectiveError: There is none; the message lists the known names.
    """
    for objective in objectives:
        if objective.name == name:
            return objective
    known = ", ".join(repr(objective.name) for objective in objectives)
    raise ObjectiveError(f"no objective is named {name!r}; there are {known}")


def evaluated_objective(strategy: str, objectives: Sequence[Objective]) -> Objective:
    """Return the first objective that only an evaluation tells.

    Raises:
        ObjectiveError: All are known; names the strategy that cannot work so.
    """
    for objective in objectives:
        if not objective.is_known:
            return objective
    raise ObjectiveError(
        f"{strategy} improves an objective that is evaluated, but all of "
        f"{', '.join(objective.name for objective in objectives)} are known"
    )


def _finite(value: float, name: str, architecture: Architecture) -> float:
    if not _is_number(value):
        raise ObjectiveError(f"{name!r} of {architecture} must be a finite number, got {value!r}")
    return float(value)


def _is_number(value: object) -> bool:
    if isinstance(value, bool | str | bytes):
        return False
    try:
        return math.isfinite(value)  # type: ignore[arg-type]  # a NumPy scalar is welcome
    except (TypeError, ValueError, OverflowError):
        return False
