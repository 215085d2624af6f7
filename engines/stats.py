"""Statistics of few, skewed, positive samples: order statistics and robust slopes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

CONFIDENCE = 0.95
# Beyond it the estimate says little more than "a trend"; 39 samples then count as one.
MAX_AUTOCORRELATION = 0.95


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


def rank_autocorrelation(samples: Sequence[float]) -> float:
    """Return the correlation of each sample's rank with that of the sample before it.

    Of ranks, so that one outlier neither hides nor makes it; ties share their mean rank. Corrected
    for the bias of short series, about ``-(1 + 3 rho) / n``. An estimate that independent samples
    reach often, below its own standard error ``1 / sqrt(n)``, counts as 0: taking it at its word
    would widen every interval of independent samples. Never below 0, nor above
    :data:`MAX_AUTOCORRELATION`.

    Source: Marriott & Pope 1954 (doi:10.1093/biomet/41.3-4.390) and Bartlett 1946
    (doi:10.2307/2983611) for bias and standard error.
    """
    n = len(samples)
    if n < 3:
        return 0.0
    _, place, counts = np.unique(np.asarray(samples), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[place.reshape(-1)]
    ranks -= ranks.mean()
    energy = float(ranks @ ranks)
    rho = float(ranks[1:] @ ranks[:-1]) / energy if energy > 0 else 0.0
    if rho <= 1.0 / math.sqrt(n):
        return 0.0
    return min(rho + (1.0 + 3.0 * rho) / n, MAX_AUTOCORRELATION)


def effective_size(samples: Sequence[float]) -> float:
    """Return how many independent samples say as much about the middle as these.

    ``n (1 - rho) / (1 + rho)`` of a first-order autoregression. Exact for a mean; a median keeps
    a little more, so that intervals err on the wide side.

    Source: Bayley & Hammersley 1946 (doi:10.2307/2983560).
    """
    rho = rank_autocorrelation(samples)
    return len(samples) * (1.0 - rho) / (1.0 + rho)


def median_ci(samples: Sequence[float]) -> tuple[float, float]:
    """Return the distribution-free 95 % confidence interval of the median.

    Samples taken one after the other are alike: where :func:`rank_autocorrelation` finds so, the
    ranks stand further from the middle by ``sqrt(n / effective_size)``, which is by how much the
    number of samples below the median scatters more. Hence the order of ``samples`` matters.
    Simulated coverage with 100 samples of a first-order autoregression: 96 %, 97 %, 97 % and 95 %
    for rho = 0, 0.5, 0.8 and 0.9; with 20 samples 97 %, 93 %, 92 % and 89 %.

    Too few samples to bound a positive quantity (fewer than 6, more where they depend on each
    other) give ``(0.0, inf)``.
    """
    n = len(samples)
    rank = median_ci_rank(n)
    if rank > 0:
        middle = (n + 1) / 2.0
        rank = math.floor(middle - (middle - rank) * math.sqrt(n / effective_size(samples)))
    if rank < 1:
        return 0.0, math.inf
    ordered = sorted(samples)
    return float(ordered[rank - 1]), float(ordered[n - rank])


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
