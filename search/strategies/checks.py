"""Checks of what a strategy is given: options, counts, told values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import StrategyError
from ..fronts.dominance import FloatArray
from ..objectives.objective import Objective

if TYPE_CHECKING:
    from .contract import StrategyOptions

Options = TypeVar("Options", bound="StrategyOptions")
AnyOptions = TypeVar("AnyOptions")


def check_options(name: str, options: object, kind: type[Options]) -> Options:
    """Check that options are of a strategy's own kind and return them; the defaults of none.

    Args:
        name: Of the strategy.
        options: What it was given, or ``None``.
        kind: Of its options.

    Raises:
        StrategyError: They are another strategy's.
    """
    chosen = kind() if options is None else options
    if not isinstance(chosen, kind):
        raise StrategyError(f"{name} takes {kind.__name__}, got {chosen!r}")
    return chosen


def make_options(name: str, kind: type[AnyOptions], given: Mapping[str, Any]) -> AnyOptions:
    """Make the options of a strategy from their values by name.

    Args:
        name: Of the strategy.
        kind: Of its options; a dataclass.
        given: Fields of it; the others keep their defaults.

    Raises:
        StrategyError: There is no such option, or one is out of range.
    """
    allowed = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        known = f"its options are {', '.join(allowed)}" if allowed else "it has none"
        raise StrategyError(f"{name} has no option {unknown[0]!r}; {known}")
    return kind(**given)


def check_values(values: npt.ArrayLike, n: int, objectives: Sequence[Objective]) -> FloatArray:
    """Check told values and return them as ``(n, n_objectives)`` floats.

    Raises:
        StrategyError: The shape is wrong, or a value is infinite or no number.
    """
    try:
        table = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StrategyError(f"values must be a table of numbers: {error}") from error
    expected = (n, len(objectives))
    if n == 0 and table.size == 0:
        return table.reshape(expected)
    if table.shape != expected:
        names = ", ".join(objective.name for objective in objectives)
        raise StrategyError(
            f"values must have shape {expected}: one row per architecture, columns ({names}); "
            f"got {table.shape}"
        )
    if np.isinf(table).any():
        raise StrategyError("values must be finite, or NaN for a failed evaluation; got inf")
    return table


def check_count(name: str, value: int, least: int) -> int:
    """Check an integer argument and return it.

    Raises:
        StrategyError: It is not an integer, or below ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise StrategyError(f"{name} must be an integer of at least {least}, got {value!r}")
    return int(value)


def check_share(name: str, value: float) -> float:
    """Check a share and return it.

    Raises:
        StrategyError: It does not lie in [0, 1].
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise StrategyError(f"{name} must lie in [0, 1], got {value!r}")
    return float(value)


def check_flag(name: str, value: bool) -> bool:
    """Check a yes or no and return it.

    Raises:
        StrategyError: It is neither.
    """
    if not isinstance(value, bool):
        raise StrategyError(f"{name} must be True or False, got {value!r}")
    return value
