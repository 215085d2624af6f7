"""Which candidates of a rung go on: constrained domination, then crowding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..fronts.dominance import FloatArray
from ..fronts.survival import survivors

BY_RANK = "rank"
BY_AUDIT = "audit"
REASONS = (BY_RANK, BY_AUDIT)

_AUDIT_STREAM = 7  # keeps these random numbers apart from those of strategies


@dataclass(frozen=True, slots=True)
class Promotion:
    """Send a candidate on to the next rung.

    Attributes:
        index: Of the evaluation, in the order of proposals.
        rung: Where it goes.
        reason: ``rank``, or ``audit``: drawn whatever its rank.
    """

    index: int
    rung: int
    reason: str


def best_rows(costs: FloatArray, excess: FloatArray, eta: int) -> list[int]:
    """Return the best of a rung's results, one of ``eta``, best first.

    The front rank decides, what violates a constraint standing behind what keeps all; within a
    rank those with the widest gap to their neighbours come first, as in multi-objective successive
    halving (Schmucker et al., arXiv:2106.12639).

    Args:
        costs: ``(n, m)``, minimised; rows that are not finite failed.
        excess: ``(n,)``, how far each is from keeping the constraints; at most 0 if it does.
        eta: One of so many.

    Example:
        >>> costs = np.array([[1.0, 5], [2, 2], [3, 4], [5, 1], [4, 4], [6, 6]])
        >>> best_rows(costs, np.zeros(6), 3)
        [0, 3]
    """
    count = len(costs) // eta
    if not count:
        return []
    chosen = survivors(costs, excess, count)
    return [row for row, _, _ in chosen if np.isfinite(costs[row]).all()]


def is_audited(share: float, seed: int, rung: int, index: int) -> bool:
    """Return whether a candidate goes on from a rung whatever its rank.

    Every candidate is drawn by itself, so that neither the order of results nor a resumed run
    changes who is.
    """
    return bool(np.random.default_rng([seed, _AUDIT_STREAM, rung, index]).random() < share)
