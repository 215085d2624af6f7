"""Compare predictions with whole detectors that were kept out of the fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .errors import PredictorError
from .predictor import CONFIDENCE, Predictor
from .table import LatencyTable

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DetectorError:
    """Compare one detector.

    Attributes:
        label: The architecture.
        measured_ms: Measured median.
        predicted_ms: Predicted median.
        lo_ms: Lower end of the predicted interval.
        hi_ms: Upper end of the predicted interval.
    """

    label: str
    measured_ms: float
    predicted_ms: float
    lo_ms: float
    hi_ms: float


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


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Hold the scores of a predictor and what they were made of.

    Attributes:
        scores: Errors of the medians.
        interval_coverage: Share of detectors inside their predicted interval, 0..1.
        confidence: What the coverage should reach.
        detectors: Every detector compared.
    """

    scores: Scores
    interval_coverage: float
    confidence: float
    detectors: tuple[DetectorError, ...]


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


def evaluate(
    predictor: Predictor, held_out: LatencyTable, confidence: float = CONFIDENCE
) -> Evaluation:
    """Predict the whole detectors of a table and compare.

    Raises:
        PredictorError: The table holds no whole detectors.
        TableMismatchError: The table comes from another device, protocol or batch size.
        UnprofiledModuleError: A detector holds a module that the predictor does not know.
    """
    predictor.manifest.require_same(held_out.manifest, "predictor and held-out table do not match")
    if not held_out.detectors():
        raise PredictorError(
            "the held-out table holds no whole detectors; make one with "
            "`detfit profile ... --no-modules --detectors 12 --seed 1`"
        )
    compared = []
    for workload, measurement in held_out.detectors():
        latency = predictor.predict(workload.graph, confidence)
        compared.append(
            DetectorError(
                workload.label,
                measurement.median_ms,
                latency.p50_ms,
                latency.lo_ms,
                latency.hi_ms,
            )
        )
    measured = np.array([item.measured_ms for item in compared])
    scores = score(np.array([item.predicted_ms for item in compared]), measured)
    inside = np.array([item.lo_ms <= item.measured_ms <= item.hi_ms for item in compared])
    level = min(confidence, predictor.closure.max_confidence)
    return Evaluation(scores, float(inside.mean()), level, tuple(compared))


def _kendall_tau(a: Floats, b: Floats) -> float:
    if len(a) < 2:
        return float("nan")
    from scipy.stats import kendalltau  # a second to import; only evaluation needs it

    return float(kendalltau(a, b).statistic)
