"""Kendall's rank correlation of weighted observations, with its interval."""

from __future__ import annotations

import math

import numpy as np

from ..fronts.dominance import FloatArray

NORMAL_95 = 1.959964
FIELLER = 0.437
FEWEST = 5
"""Observations that an interval can be told for."""


def weighted_tau(first: FloatArray, second: FloatArray, weights: FloatArray) -> float:
    """Return Kendall's tau-b of weighted observations, a pair counting as its weights' product.

    With the inverse of the probability that an observation was made as its weight, this estimates
    the tau of everything that could have been observed (Horvitz and Thompson, JASA 1952). Equal
    weights give the usual tau-b.

    Args:
        first: ``(n,)`` values of one kind.
        second: ``(n,)`` values of the other.
        weights: ``(n,)``, above 0.

    Returns:
        -1 to 1; NaN where one side is all the same.

    Example:
        >>> weighted_tau(np.array([1.0, 2, 3]), np.array([1.0, 3, 2]), np.ones(3)).__round__(3)
        0.333
    """
    upper = np.triu_indices(len(first), k=1)
    pairs = np.outer(weights, weights)[upper]
    one = np.sign(np.subtract.outer(first, first)[upper])
    other = np.sign(np.subtract.outer(second, second)[upper])
    spread = float((pairs * np.abs(one)).sum()) * float((pairs * np.abs(other)).sum())
    return float((pairs * one * other).sum()) / math.sqrt(spread) if spread > 0 else math.nan


def effective_count(weights: FloatArray) -> float:
    """Return how many equally weighted observations tell as much (Kish, "Survey Sampling", 1965).

    Args:
        weights: ``(n,)``, above 0.
    """
    return float(weights.sum() ** 2 / np.square(weights).sum()) if len(weights) else 0.0


def tau_interval(tau: float, count: float) -> tuple[float, float] | None:
    """Return the 95 % interval of Kendall's tau.

    Fieller, Hartley and Pearson (Biometrika 1957): the inverse hyperbolic tangent of tau has the
    variance 0.437 / (n - 4).

    Args:
        tau: -1 to 1.
        count: Observations that it was computed from.

    Returns:
        ``None`` for fewer than five, or where there is no tau.
    """
    if count < FEWEST or math.isnan(tau):
        return None
    within = min(max(tau, -1 + 1e-9), 1 - 1e-9)
    reach = NORMAL_95 * math.sqrt(FIELLER / (count - 4))
    return math.tanh(math.atanh(within) - reach), math.tanh(math.atanh(within) + reach)
