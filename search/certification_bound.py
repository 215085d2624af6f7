"""What the next measurement of a detector stays below, from a few builds of its engine.

The interval of one visit says how well that visit's median is known: not how much the next build
(other kernels, another layout in memory) or the next visit (another hour of the machine) differs.
What counts is therefore how the medians of independently built engines scatter, and the bound is
that of a prediction interval for one more of them, which is far above what their mean alone asks
for: a detector that really takes its whole budget is certified in much less than one trial of
twenty.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
"""Probability with which the next measurement keeps the bound."""

FEWEST_BUILDS = 3
"""Engines that a bound is made of, at least."""

LEAST_SPREAD = 0.01
"""Relative standard deviation of visits, at least: that of visits of whole detectors on different
occasions, brought to one speed (0.9 %, see :mod:`latency.sentinel`). Builds measured within a few
minutes may happen to agree better than they will tomorrow."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Say how visits of one detector scatter.

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
    sd = math.sqrt(squares / freedom) if freedom else 0.0
    return Spread(max(sd, LEAST_SPREAD), freedom)


def upper_bound_ms(
    times_ms: Sequence[float], spread: Spread, confidence: float = CONFIDENCE
) -> float:
    """Return what one more visit of another build stays below.

    Student's prediction bound of log-normal times, with the detector's own scatter where it is
    larger than that of all; never below a time that was seen.

    Args:
        times_ms: Medians of the visits of one detector.
        spread: Of all detectors measured on this occasion.
        confidence: Probability of staying below.

    Returns:
        Infinity for fewer than :data:`FEWEST_BUILDS` visits.

    Source: Hahn and Meeker, "Statistical Intervals", 1991, section 4.8 (normal distribution, one
    future observation, one-sided).

    Example:
        >>> round(upper_bound_ms([10.0, 10.0, 10.0, 10.0], Spread(0.01, 3)), 3)
        10.267
    """
    from scipy.special import stdtrit

    count = len(times_ms)
    if count < FEWEST_BUILDS or not spread.freedom:
        return math.inf
    logs = np.log(times_ms)
    sd = max(spread.sd, float(np.std(logs, ddof=1)))
    margin = float(stdtrit(spread.freedom, confidence)) * sd * math.sqrt(1.0 + 1.0 / count)
    return max(math.exp(float(np.mean(logs)) + margin), *times_ms)
