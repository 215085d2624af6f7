"""Evaluate partial codes by completions of them, where an evaluator knows whole ones only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..errors import EvaluatorError
from ..spaces.partial import UNDECIDED, complete, is_partial
from .base import Budget, Evaluator, graded_by

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

COMPLETIONS = 8  # that a partial code's mean is over
COMPLETION_STREAM = 3  # keeps their random numbers apart from those of training


class CompletingEvaluator:
    """Score partial codes by the mean of random completions; whole ones as they are.

    Args:
        evaluator: Evaluates whole architectures.
        space: Of the architectures.
        completions: How many the mean is over.
        seed: Of the completions.

    Raises:
        EvaluatorError: ``completions`` is below 1.

    Example:
        >>> from search import CallableEvaluator, UNDECIDED
        >>> from search.spaces.digits import DigitSpace
        >>> from searchspaces import Architecture
        >>> ones = CallableEvaluator(lambda arch: {"ones": sum(arch.genes)})
        >>> evaluator = CompletingEvaluator(ones, DigitSpace(3, 2), completions=100)
        >>> value = evaluator.evaluate(Architecture("digits", (1, UNDECIDED, UNDECIDED)))["ones"]
        >>> 1.5 < value < 2.5
        True
    """

    def __init__(
        self,
        evaluator: Evaluator,
        space: SearchSpace,
        completions: int = COMPLETIONS,
        seed: int = 0,
    ) -> None:
        if completions < 1:
            raise EvaluatorError(f"completions must be at least 1, got {completions!r}")
        self._evaluator, self._space = evaluator, space
        self._completions, self._seed = completions, seed

    @property
    def graded(self) -> str | None:
        """Return what a share of an evaluation is counted in; ``None`` for nothing."""
        return graded_by(self._evaluator)

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> Mapping[str, float]:
        """Evaluate one architecture or partial code.

        Raises:
            ArchitectureError: The space does not tell the choices of its genes.
        """
        if not is_partial(architecture):
            return self._evaluator.evaluate(architecture, budget)
        drawn = completions_of(self._space, architecture, self._seed)
        rows = [self._evaluator.evaluate(next(drawn), budget) for _ in range(self._completions)]
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def completions_of(
    space: SearchSpace, architecture: Architecture, seed: int
) -> Iterator[Architecture]:
    """Draw completions of a partial code without end.

    Codes with equally many undecided genes get the same genes there: they are compared on common
    random numbers, which leaves less to chance than a draw for each.
    """
    rng = np.random.default_rng([seed, COMPLETION_STREAM, architecture.genes.count(UNDECIDED)])
    while True:
        yield complete(space, architecture, rng)
