"""Evaluate with a function of your own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..errors import EvaluatorError
from .base import Budget

if TYPE_CHECKING:
    from searchspaces import Architecture


class CallableEvaluator:
    """Evaluate with a function.

    Args:
        function: ``function(architecture)``; returns objective name -> value, or one number if
            ``objective`` names it.
        objective: Name of the objective that a single number is the value of.

    Raises:
        EvaluatorError: ``function`` cannot be called.

    Example:
        >>> from searchspaces import Architecture
        >>> count = CallableEvaluator(lambda arch: sum(arch.genes), objective="score")
        >>> count.evaluate(Architecture("toy", (1, 2)))
        {'score': 3.0}
    """

    def __init__(
        self,
        function: Callable[[Architecture], float | Mapping[str, float]],
        objective: str | None = None,
    ) -> None:
        if not callable(function):
            raise EvaluatorError(f"function must be callable, got {function!r}")
        self._function = function
        self._objective = objective

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> dict[str, float]:
        """Call the function; the budget is not passed on.

        Raises:
            EvaluatorError: It returned a single number and no objective is named.
        """
        result = self._function(architecture)
        if isinstance(result, Mapping):
            return {name: float(value) for name, value in result.items()}
        if self._objective is None:
            raise EvaluatorError(
                f"the function returned {result!r}; return objective name -> value, or say whose "
                "value it is with objective="
            )
        return {self._objective: float(result)}
