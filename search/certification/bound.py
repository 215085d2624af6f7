"""What the next measurement of a detector stays below, from a few builds of its engine.

The interval of one visit says how well that visit's median is known: not how much the next build
(other kernels, another layout in memory) or the next visit (another hour of the machine) differs.
What counts is therefore how the medians of independently built engines scatter, and how much
occasions differ, of which a certification sees but one: however many engines it builds, what its
minutes have in common does not average out. The bound is the upper end of the 95 % prediction
interval for one more build on another occasion, which is far above what the mean alone asks for:
a detector that really takes its whole budget is certified in much less than one trial of twenty.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.975
"""Probability with which the next measurement keeps the bound: the upper end of the two-sided 95 %
interval."""

FEWEST_BUILDS = 3
"""Engines that a bound is made of, at least."""

OCCASION = 0.01
"""Relative standard deviation of what a detector takes on different occasions, brought to one
speed: 0.9 % over 10 workloads (see :mod:`latency.workloads.sentinel`), 1.1 % over ten pairs of
occasions on two CPU engines (``benchmarks/results/certified-budgets.json``)."""

OCCASION_FREEDOM = 10
"""Degrees of freedom that it is known with: ten pairs of occasions."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Say how visits of one detector scatter on one occasion.

    Attributes:
        sd: Relative standard deviation.
        freedom: Degrees of freedom that it is known with.
    """

    sd: float
    freedom: int


def pooled_spread(detectors_ms: Sequence[Sequence[float]]) -> Spread:
    """Return how visits scatter around their detector's own middle, over all detectors.

    Args:
        detectors_ms: For every detector the medians of its visits; those with one visit tell
            nothing.
    """
    squares, freedom = 0.0, 0
    for times_ms in detectors_ms:
        if len(times_ms) > 1:
            squares += float(np.var(np.log(times_ms))) * len(times_ms)
            freedom += len(times_ms) - 1
    return Spread(math.sqrt(squares / freedom) if freedom else 0.0, freedom)


def upper_bound_ms(
    times_ms: Sequence[float], spread: Spread, confidence: float = CONFIDENCE
) -> float:
    """Return what one more visit of another build stays below.

    Student's prediction bound of log-normal times: the next build differs from the mean of these
    by its own scatter, by that of the mean, and by two occasions, this one and the next; degrees
    of freedom of the sum are Satterthwaite's. The detector's own scatter counts where it is larger
    than that of all. Never below a time that was seen.

    Args:
        times_ms: Medians of the visits of one detector.
        spread: Of all detectors measured on this occasion.
        confidence: Probability of staying below.

    Returns:
        Infinity for fewer than :data:`FEWEST_BUILDS` visits.

    Source: Hahn and Meeker, "Statistical Intervals", 1991, section 4.8 (normal distribution, one
    future observation, one-sided); Satterthwaite, "An approximate distribution of estimates of
    variance components", Biometrics Bulletin 1946, doi:10.2307/3002019.

    Example:
        >>> round(upper_bound_ms([10.0, 10.0, 10.0, 10.0], Spread(0.01, 3)), 3)
        10.403
    """
    from scipy.special import stdtrit

    count = len(times_ms)
    if count < FEWEST_BUILDS or not spread.freedom:
        return math.inf
    logs = np.log(times_ms)
    sd = max(spread.sd, float(np.std(logs, ddof=1)))
    builds, occasions = sd**2 * (1.0 + 1.0 / count), 2.0 * OCCASION**2
    freedom = (builds + occasions) ** 2 / (
        builds**2 / spread.freedom + occasions**2 / OCCASION_FREEDOM
    )
    margin = float(stdtrit(freedom, confidence)) * math.sqrt(builds + occasions)
    return max(math.exp(float(np.mean(logs)) + margin), *times_ms)
