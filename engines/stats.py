"""Statistics of few, skewed, positive samples: order statistics and robust slopes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

CONFIDENCE = 0.95


@lru_cache(maxsize=4096)
def median_ci_rank(n: int, confidence: float = CONFIDENCE) -> int:
    """Return the largest rank ``k`` with P(X(k) <= median <= X(n + 1 - k)) >= ``confidence``.

    The number of samples below the median is binomial(n, 1/2) whatever the distribution, so the
    coverage is 1 - 2 P(B <= k - 1), computed exactly. Returns 0 where ``n`` is too small.

    Source: David & Nagaraja, Order Statistics, 3rd ed., sec. 7.1.
    """
    tail = (1.0 - confidence) / 2.0
    limit = int(tail * 2**53) * 2**n // 2**53  # in integers: 2**n overflows a float
    below, term = 0, 1  # sum of C(n, i) for i < k, and C(n, k)
    for k in range(n // 2 + 1):
        below += term
        if below > limit:
            return k
        term = term * (n - k) // (k + 1)
    return n // 2


def median_ci(samples: Sequence[float]) -> tuple[float, float]:
    """Return the distribution-free 95 % confidence interval of the median.

    Too few samples to bound a positive quantity (fewer than 6) give ``(0.0, inf)``.
    """
    rank = median_ci_rank(len(samples))
    if rank == 0:
        return 0.0, math.inf
    ordered = sorted(samples)
    return float(ordered[rank - 1]), float(ordered[len(ordered) - rank])


def relative_half_width(samples: Sequence[float]) -> float:
    """Return half the width of :func:`median_ci` over the median; inf for too few samples."""
    low, high = median_ci(samples)
    middle = float(np.median(samples))
    if not math.isfinite(high) or middle <= 0:
        return math.inf
    return (high - low) / 2.0 / middle


def relative_slope(samples: Sequence[float]) -> float:
    """Return the change per step over the median: the median of all pairwise slopes.

    One disturbed block does not move it. Source: Theil 1950, Sen 1968 (doi:10.2307/2285891).
    """
    values = np.asarray(samples, dtype=np.float64)
    first, second = np.triu_indices(len(values), k=1)
    slopes = (values[second] - values[first]) / (second - first)
    middle = float(np.median(values))
    return float(np.median(slopes)) / middle if middle > 0 else 0.0


def half_drift(samples: Sequence[float]) -> float:
    """Return the median of the second half over that of the first, minus 1; 0 for one sample."""
    half = len(samples) // 2
    if half == 0:
        return 0.0
    return float(np.median(samples[-half:]) / np.median(samples[:half])) - 1.0
