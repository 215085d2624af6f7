"""Percentiles of samples, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the value below which a share of the samples lies, linear between them."""
    return float(np.quantile(samples, share))


def percentile_ci(samples: Sequence[float], share: float) -> tuple[float, float]:
    """Return the 95 % confidence interval of a percentile, whatever the distribution.

    Between two order statistics, by the binomial distribution of how many samples lie above the
    percentile (Hahn and Meeker, "Statistical Intervals", 1991, section 5.2). Samples that take
    turns on several inputs are stratified, for which it is a little too wide; drift is not in it.

    Args:
        samples: At least one, in any order.
        share: Above 0 and below 1.

    Returns:
        Lower and upper end: 0 and infinity where the samples are too few to bound it from that
        side; see `samples_for`.
    """
    falling = sorted(samples, reverse=True)
    at_most = _at_most(len(falling), 1 - share)
    tail = (1 - CONFIDENCE) / 2
    bounding = int((at_most <= tail).sum())  # so many of the largest are above it, surely enough
    upper = falling[bounding - 1] if bounding else math.inf
    first = int((at_most < 1 - tail).sum())
    return falling[first] if first < len(falling) else 0.0, upper


def samples_for(share: float) -> int:
    """Return the least number of samples whose largest one bounds a percentile from above.

    Example:
        >>> samples_for(0.99)
        368
    """
    return math.ceil(math.log((1 - CONFIDENCE) / 2) / math.log(share))


def _at_most(n: int, chance: float) -> npt.NDArray[np.float64]:
    """Return the chance of at most 0, 1, ..., n - 1 of n events ``(n,)``."""
    logs = [
        math.lgamma(n + 1)
        - math.lgamma(k + 1)
        - math.lgamma(n - k + 1)
        + k * math.log(chance)
        + (n - k) * math.log1p(-chance)
        for k in range(n)
    ]
    return np.cumsum(np.exp(logs))
