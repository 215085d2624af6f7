"""Compare predictions with whole detectors, or modules, that were kept out of the fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines import Measurement

from ..errors import PredictorError
from ..prediction import CONFIDENCE
from ..predictors.predictor import Predictor
from ..tables.table import LatencyTable
from ..workloads.workload import Workload
from .scores import Floats, Scores, score


@dataclass(frozen=True, slots=True)
class DetectorError:
    """Compare one detector, or one module where only modules were measured.

    Attributes:
        label: The architecture, or the module.
        measured_ms: Measured median, at the speed of the machine that predictions are for (see
            :meth:`~latency.LatencyTable.normalised_ms`).
        predicted_ms: Predicted median.
        lo_ms: Lower end of the predicted interval.
        hi_ms: Upper end of the predicted interval.
        as_measured_ms: Measured median, whatever the machine's speed was.
        visits_inside: Share of its visits inside the interval, 0..1: an interval is to hold for
            one more measurement at another time, and a median of several scatters less.
    """

    label: str
    measured_ms: float
    predicted_ms: float
    lo_ms: float
    hi_ms: float
    as_measured_ms: float
    visits_inside: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Hold the scores of a predictor and what they were made of.

    Attributes:
        scores: Errors of the medians, at one speed of the machine.
        as_measured: The same, the machine's drift between both tables included.
        interval_coverage: Share of visits to detectors inside the predicted interval, 0..1; every
            detector counts alike.
        confidence: What the coverage should reach.
        detectors: Every detector compared.
        left_out: Detectors of the table that the predictor was fitted on, and so prove nothing.
    """

    scores: Scores
    as_measured: Scores
    interval_coverage: float
    confidence: float
    detectors: tuple[DetectorError, ...]
    left_out: int = 0


def evaluate(
    predictor: Predictor, held_out: LatencyTable, confidence: float = CONFIDENCE
) -> Evaluation:
    """Predict the whole detectors of a table and compare; those fitted on are left out.

    A predictor of modules alone (see :func:`latency.fit`) is compared with the table's modules
    instead; those whose times it holds are left out.

    Raises:
        PredictorError: The table holds nothing to compare, or only what was fitted on.
        TableMismatchError: The table comes from another device, protocol or batch size.
        UnprofiledModuleError: A module is unknown to the predictor and cannot be estimated.
    """
    predictor.manifest.require_same(held_out.manifest, "predictor and held-out table do not match")
    predictor.closure.margin(confidence)  # refuses an impossible confidence first
    if not predictor.closure.detectors:
        return _evaluate_modules(predictor, held_out, confidence)
    if not held_out.detectors():
        raise PredictorError(
            "the held-out table holds no whole detectors; make one with "
            "`detfit profile ... --no-modules --detectors 12 --seed 1`"
        )
    if not held_out.delivered_ms:
        predictor = predictor.as_profiled()
    fitted_on = set(predictor.calibrated_on)
    fresh = [(w, m) for w, m in held_out.detectors() if w.key not in fitted_on]
    if not fresh:
        raise PredictorError(
            "the predictor was fitted on every whole detector of this table; profile others with "
            "another --seed and --no-modules"
        )
    factor = 1.0
    if predictor.reference_ms and held_out.reference_ms:
        factor = predictor.reference_ms / held_out.reference_ms
    compared = [
        _compare(predictor, w, m, factor * np.array(held_out.replicates_ms(w.key)), confidence)
        for w, m in fresh
    ]
    level = min(confidence, predictor.closure.max_confidence)
    return _summary(compared, level, len(held_out.detectors()) - len(fresh))


def _evaluate_modules(
    predictor: Predictor, held_out: LatencyTable, confidence: float
) -> Evaluation:
    fresh = {s: m.median_ms for s, m in held_out.entries.items() if s not in predictor.costs}
    if not fresh:
        raise PredictorError(
            "the predictor holds the times of every module of this table, or the table has none; "
            "take others, such as one side of `detfit table split`"
        )
    times = predictor.module_times(list(fresh), confidence)
    compared = []
    for t in times:
        ms, (low, high) = fresh[t.spec], _around(t.ms, t.margin_ms)
        inside = float(low <= ms <= high)
        compared.append(DetectorError(t.spec.key, ms, t.ms, low, high, ms, inside))
    return _summary(compared, confidence, len(held_out.entries) - len(fresh))


def _around(ms: float, margin_ms: float) -> tuple[float, float]:
    """Return both ends of a multiplicative interval whose upper half is ``margin_ms``."""
    return ms * ms / (ms + margin_ms), ms + margin_ms


def _summary(compared: Sequence[DetectorError], level: float, left_out: int) -> Evaluation:
    measured = np.array([item.measured_ms for item in compared])
    predicted = np.array([item.predicted_ms for item in compared])
    as_measured = np.array([item.as_measured_ms for item in compared])
    scores = score(predicted, measured), score(predicted, as_measured)
    inside = float(np.mean([item.visits_inside for item in compared]))
    return Evaluation(*scores, inside, level, tuple(compared), left_out)


def _compare(
    predictor: Predictor,
    workload: Workload,
    measurement: Measurement,
    visits_ms: Floats,
    confidence: float,
) -> DetectorError:
    latency = predictor.predict(workload.graph, confidence)
    return DetectorError(
        workload.label,
        float(np.median(visits_ms)),
        latency.p50_ms,
        latency.lo_ms,
        latency.hi_ms,
        measurement.median_ms,
        float(np.mean((latency.lo_ms <= visits_ms) & (visits_ms <= latency.hi_ms))),
    )
