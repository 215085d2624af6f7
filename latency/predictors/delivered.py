"""What delivered engines take over what was profiled: the closure's last step.

A profile times detectors with seeded weights, as it exports them. An engine is delivered with
trained weights, for which boxes are selected otherwise, and as a later version exports it. What
its measurement says of single modules the joint costs have learned already, as far as nothing
else contradicts; what is left is brought to all predictions as one factor. It is shrunk towards 1
like the mean of a normal distribution of known spread (Gelman et al., "Bayesian Data Analysis",
3rd edition, section 2.5): one engine moves it as far as it stands out from the profile's own
residuals, several settle it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

FACTOR_SD = 0.2
"""Of the factor's logarithm before any engine is delivered: trained weights alone make proposal
selection take from half to twice the time (:mod:`latency.recording.recording`), other modules
none."""

LEAST_SPREAD = 0.01
"""Relative standard deviation of one delivered engine around the factor, at least: as much as two
visits of a whole detector differ."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """Hold the factor that delivered engines say.

    Attributes:
        factor: Delivered over profiled milliseconds.
        without: The same from all engines but one, by its key: 1 where it is the only one.
    """

    factor: float
    without: Mapping[str, float]


def delivered_factor(
    measured_ms: Mapping[str, float], predicted_ms: Mapping[str, float], spread: float
) -> Delivered:
    """Learn the factor between delivered engines and what a profile predicts for them.

    Args:
        measured_ms: By key.
        predicted_ms: The same keys and maybe more.
        spread: Relative standard deviation of profiled detectors around their predictions.
    """
    logs = {key: math.log(ms / predicted_ms[key]) for key, ms in measured_ms.items()}
    total, spread = sum(logs.values()), max(spread, LEAST_SPREAD)
    return Delivered(
        _shrunk(total, len(logs), spread),
        {key: _shrunk(total - log, len(logs) - 1, spread) for key, log in logs.items()},
    )


def _shrunk(total: float, count: int, spread: float) -> float:
    """Return the factor of so many logarithms with this sum."""
    return math.exp(total / (count + (spread / FACTOR_SD) ** 2))
