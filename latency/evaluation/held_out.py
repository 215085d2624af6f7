"""Compare predictions with whole detectors, or modules, that were kept out of the fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engines import Measurement
from searchspaces import ModuleSpec

from ..errors import PredictorError, TableMismatchError
from ..prediction import CONFIDENCE
from ..predictors.predictor import Predictor
from ..predictors.spaces import MAX_UNFAMILIAR
from ..tables.table import LatencyTable
from ..workloads.workload import Workload
from .scores import Floats, Scores, score

_MISMATCH = "predictor and held-out table do not match"


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
        batch: Images per run.
        familiar: Whether a module is like those that the predictor was fitted on; of a detector,
            whether all but :data:`~latency.predictors.spaces.MAX_UNFAMILIAR` of its time is.
    """

    label: str
    measured_ms: float
    predicted_ms: float
    lo_ms: float
    hi_ms: float
    as_measured_ms: float
    visits_inside: float
    batch: int = 1
    familiar: bool = True


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
        notes: What a reader of the scores should know.
    """

    scores: Scores
    as_measured: Scores
    interval_coverage: float
    confidence: float
    detectors: tuple[DetectorError, ...]
    left_out: int = 0
    notes: tuple[str, ...] = ()

    @property
    def batches(self) -> tuple[int, ...]:
        """Return the batch sizes of what was compared, ascending."""
        return tuple(sorted({item.batch for item in self.detectors}))

    @property
    def unfamiliar(self) -> int:
        """Return how many of those compared are unlike what the predictor was fitted on."""
        return sum(not item.familiar for item in self.detectors)

    def of_batch(self, batch: int) -> Evaluation:
        """Return the same of one batch size alone.

        Raises:
            PredictorError: Nothing of that batch size was compared.
        """
        return _summary([item for item in self.detectors if item.batch == batch], self.confidence)


def evaluate(
    predictor: Predictor,
    held_out: LatencyTable,
    confidence: float = CONFIDENCE,
    batch: int | None = None,
) -> Evaluation:
    """Predict the whole detectors of a table and compare; those fitted on are left out.

    A predictor of modules alone (see :func:`latency.fit`) is compared with the table's modules
    instead; those whose times it holds are left out. Each carries its own batch size: those of
    one that the predictor knows nothing of are compared, too, flagged and noted.

    Args:
        predictor: Fitted on another table, or on another part of one.
        held_out: What to compare with.
        confidence: Of the intervals.
        batch: Compare only modules of this batch size; ``None`` compares all.

    Raises:
        PredictorError: The table holds nothing to compare, or only what was fitted on; or a batch
            size is asked for that whole detectors do not have.
        TableMismatchError: The table comes from another device, protocol or batch size.
        UnprofiledModuleError: A module is unknown to the predictor and cannot be estimated.
    """
    modules_alone = not predictor.closure.detectors
    manifest = held_out.manifest
    if modules_alone:  # line 1 names one batch size, a module its own
        manifest = replace(manifest, batch=predictor.manifest.batch)
    predictor.manifest.require_same(manifest, _MISMATCH)
    predictor.closure.margin(confidence)  # refuses an impossible confidence first
    if modules_alone:
        return _evaluate_modules(predictor, held_out, confidence, batch)
    if batch not in (None, predictor.manifest.batch):
        raise PredictorError(
            f"both tables are of whole detectors at batch {predictor.manifest.batch}, none at "
            f"batch {batch}; leave --batch out, or profile and fit with --batch {batch}"
        )
    return _evaluate_detectors(predictor, held_out, confidence)


def _evaluate_detectors(
    predictor: Predictor, held_out: LatencyTable, confidence: float
) -> Evaluation:
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
    predictor: Predictor, held_out: LatencyTable, confidence: float, batch: int | None
) -> Evaluation:
    asked = {s: m.median_ms for s, m in held_out.entries.items() if batch in (None, s.batch)}
    if held_out.entries and not asked:
        held = ", ".join(map(str, sorted({spec.batch for spec in held_out.entries})))
        raise PredictorError(f"the table holds no modules of batch {batch}, only of batch {held}")
    fresh = {spec: ms for spec, ms in asked.items() if spec not in predictor.costs}
    if not fresh:
        raise PredictorError(
            "the predictor holds the times of every module of this table, or the table has none; "
            "take others, such as one side of `detfit table split`"
        )
    notes = _notes(predictor, list(fresh))
    compared = []
    for t in predictor.module_times(list(fresh), confidence):
        ms, (low, high) = fresh[t.spec], _around(t.ms, t.margin_ms)
        inside = float(low <= ms <= high)
        error = DetectorError(
            t.spec.key, ms, t.ms, low, high, ms, inside, t.spec.batch, t.familiar
        )
        compared.append(error)
    return _summary(compared, confidence, len(asked) - len(fresh), notes)


def _notes(predictor: Predictor, specs: Sequence[ModuleSpec]) -> tuple[str, ...]:
    """Say which modules are of a batch size that the predictor was not fitted on.

    Raises:
        TableMismatchError: All of them are.
    """
    strange = [spec.batch for spec in specs if spec.batch not in predictor.batches]
    if not strange:
        return ()
    known = ", ".join(map(str, predictor.batches)) or "none"
    found = ", ".join(map(str, sorted(set(strange))))
    if len(strange) == len(specs):
        raise TableMismatchError(
            f"{_MISMATCH}: batch is {known} here, {found} there; fit a table that holds modules "
            "of that batch size",
            ["batch"],
        )
    return (
        f"the predictor was fitted on modules of batch {known}: {len(strange)} of the "
        f"{len(specs)} compared are of batch {found}, at which it can only guess; see by_batch, "
        "or leave them out by --batch",
    )


def _around(ms: float, margin_ms: float) -> tuple[float, float]:
    """Return both ends of a multiplicative interval whose upper half is ``margin_ms``."""
    return ms * ms / (ms + margin_ms), ms + margin_ms


def _summary(
    compared: Sequence[DetectorError],
    level: float,
    left_out: int = 0,
    notes: tuple[str, ...] = (),
) -> Evaluation:
    measured = np.array([item.measured_ms for item in compared])
    predicted = np.array([item.predicted_ms for item in compared])
    as_measured = np.array([item.as_measured_ms for item in compared])
    scores = score(predicted, measured), score(predicted, as_measured)
    inside = float(np.mean([item.visits_inside for item in compared]))
    return Evaluation(*scores, inside, level, tuple(compared), left_out, notes)


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
        predictor.manifest.batch,
        latency.unfamiliar <= MAX_UNFAMILIAR,
    )
