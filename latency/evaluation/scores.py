"""Errors of predicted against measured latencies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import PredictorError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """Summarise errors of predicted against measured latencies.

    Attributes:
        n: Detectors compared.
        mape: Mean absolute percentage error, in percent.
        within_5pct: Share of detectors with an error of at most 5 %, 0..1.
        within_10pct: Share of detectors with an error of at most 10 %, 0..1.
        kendall_tau: Rank correlation; ``nan`` for fewer than two detectors.
    """

    n: int
    mape: float
    within_5pct: float
    within_10pct: float
    kendall_tau: float


def score(predicted_ms: Floats, measured_ms: Floats) -> Scores:
    """Score ``(n,)`` predictions against ``(n,)`` measurements.

    Raises:
        PredictorError: There is nothing to compare, or the lengths differ.
    """
    if len(predicted_ms) != len(measured_ms) or not len(measured_ms):
        raise PredictorError(
            f"cannot compare {len(predicted_ms)} predictions with {len(measured_ms)} measurements"
        )
    error = np.abs(predicted_ms / measured_ms - 1.0)
    return Scores(
        len(error),
        100 * float(error.mean()),
        float((error <= 0.05).mean()),
        float((error <= 0.10).mean()),
        _kendall_tau(predicted_ms, measured_ms),
    )


def _kendall_tau(a: Floats, b: Floats) -> float:
    if len(a) < 2:
        return float("nan")
    from scipy.stats import kendalltau  # a second to import; only evaluation needs it

    return float(kendalltau(a, b).statistic)
