"""The verdict on an engine: a pure function of what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from .bootstrap import Drop, images_to_decide
from .parity import ParityReport
from .records import Accuracy, AccuracyRow, MeasuredLatency, PredictedLatency

if TYPE_CHECKING:
    from .tensors import TensorReport

MIN_MATCHED = 0.99
"""Detections of torch and engine that must find each other (matched at IoU 0.99, same class)."""

MAX_SCORE_DIFFERENCE = 0.05
"""Largest difference of the scores of a pair; fp32 engines stay below 1e-4, a shifted score is
a fault that neither boxes nor AP show."""

TENSOR_LIMITS = {"fp32": 1e-3, "fp16": 5e-2}
"""How far a module's output may be off, as a share of its largest value, given the same inputs;
fp32 engines stay below 1e-5. Quantised ones have no limit but that every number is finite."""

MAX_AP_DROP = 0.5
"""AP points (0..100) that an engine may lose unless the caller says otherwise."""

JUDGED = ("AP", "mask AP")
"""What the limit of the accuracy loss is about; other numbers are reported beside."""

PREDICTION_TOLERANCE = 0.10
"""Largest ``|measured - predicted| / predicted`` at which a prediction counts as kept."""


class Outcome(str, Enum):
    """Say how a check, or a whole engine, came out."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_JUDGED = "NOT JUDGED"

    def __str__(self) -> str:
        return self.value


SEVERITY = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS, Outcome.NOT_JUDGED)
"""Outcomes, the deciding ones first."""


@dataclass(frozen=True, slots=True)
class Check:
    """Record one check.

    Attributes:
        name: What was checked: ``tensors``, ``parity``, ``accuracy``, ``budget`` or
            ``prediction``.
        outcome: How it came out; ``NOT_JUDGED`` where the caller asked for no such check.
        reason: The numbers behind it, in one sentence.
    """

    name: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """Decide whether an engine may be deployed.

    Attributes:
        checks: Every check, also those that passed and those that were not asked for.
    """

    checks: tuple[Check, ...]

    @property
    def outcome(self) -> Outcome:
        """Return the worst outcome: any FAIL fails, else anything undecided is INCONCLUSIVE."""
        outcomes = [check.outcome for check in self.checks]
        if Outcome.FAIL in outcomes:
            return Outcome.FAIL
        if Outcome.INCONCLUSIVE in outcomes or Outcome.PASS not in outcomes:
            return Outcome.INCONCLUSIVE
        return Outcome.PASS

    @property
    def passed(self) -> bool:
        """Return whether the engine may leave as a pass."""
        return self.outcome is Outcome.PASS

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return one sentence with numbers per check, the deciding ones first."""
        ranked = sorted(self.checks, key=lambda check: SEVERITY.index(check.outcome))
        return tuple(f"{check.outcome}: {check.reason}" for check in ranked)


def judge(
    *,
    parity: ParityReport | None,
    accuracy: Accuracy | None,
    tensors: TensorReport | None = None,
    precision: str = "fp32",
    measured: MeasuredLatency | None,
    predicted: PredictedLatency | None = None,
    budget_ms: float | None = None,
    max_ap_drop: float = MAX_AP_DROP,
    min_matched: float = MIN_MATCHED,
    max_score_difference: float = MAX_SCORE_DIFFERENCE,
    prediction_tolerance: float = PREDICTION_TOLERANCE,
    latency_wanted: bool = True,
) -> GateVerdict:
    """Judge an engine by tensors, parity, accuracy, budget and prediction.

    Args:
        parity: Matched detections of torch and engine; ``None`` where none were compared.
        accuracy: AP of torch and engine on the same images; ``None`` where none was measured.
        tensors: The engine's modules beside torch's; ``None`` where they were not compared.
        precision: Of the engine; says how far its modules may be off.
        measured: Latency of the engine; ``None`` where it was not measured.
        predicted: Latency that the search predicted.
        budget_ms: Latency that the upper end of the measured interval must not exceed.
        max_ap_drop: AP points that the upper end of the loss's interval must not exceed.
        min_matched: Fraction of detections that must be matched, 0..1.
        max_score_difference: Largest difference of the scores of a pair.
        prediction_tolerance: Relative distance from the prediction that is allowed.
        latency_wanted: Whether budget and prediction are to be judged at all.

    Returns:
        The verdict with one check each for tensors, parity, accuracy, budget and prediction.
    """
    tensor_check = judge_tensors(tensors, precision)
    parity_check = judge_parity(parity, min_matched, max_score_difference)
    accuracy_check = judge_accuracy(accuracy, max_ap_drop)
    if not latency_wanted:
        reason = "latency was not to be measured"
        unjudged = (Check(name, Outcome.NOT_JUDGED, reason) for name in ("budget", "prediction"))
        return GateVerdict((tensor_check, parity_check, accuracy_check, *unjudged))
    return GateVerdict(
        (
            tensor_check,
            parity_check,
            accuracy_check,
            judge_budget(measured, budget_ms),
            judge_prediction(measured, predicted, prediction_tolerance),
        )
    )


def judge_tensors(tensors: TensorReport | None, precision: str) -> Check:
    """Judge the engine's modules, each on the engine's own inputs; the worst decides."""
    if tensors is None or tensors.error or tensors.worst is None:
        note = tensors.error if tensors is not None and tensors.error else "not compared"
        return Check("tensors", Outcome.NOT_JUDGED, f"tensors between the modules: {note}")
    worst, limit = tensors.worst, TENSOR_LIMITS.get(precision, math.inf)
    allowed = f"allowed {limit:g}" if math.isfinite(limit) else f"no limit for {precision}"
    reason = (
        f"{len(tensors.rows)} tensors between the modules: {worst.name} is the worst, off by "
        f"{worst.relative:.2g} of its largest value (cosine {worst.cosine:.6f}), {allowed}"
    )
    if tensors.unseen:
        reason += f"; not seen: {', '.join(tensors.unseen)}"
    return Check(
        "tensors", _pass_if(worst.relative < math.inf and worst.relative <= limit), reason
    )


def judge_parity(
    parity: ParityReport | None,
    min_matched: float = MIN_MATCHED,
    max_score_difference: float = MAX_SCORE_DIFFERENCE,
) -> Check:
    """Judge whether torch and engine give the same detections."""
    if parity is None:
        return Check("parity", Outcome.INCONCLUSIVE, "detections of torch and engine not compared")
    if max(parity.torch_detections, parity.engine_detections) == 0:
        reason = (
            f"no detection of score >= {parity.score_floor:g} on {parity.images} images, "
            "so nothing to match"
        )
        return Check("parity", Outcome.INCONCLUSIVE, reason)
    reason = (
        f"matched at IoU {parity.iou:g}: {parity.torch_matched} of {parity.torch_detections} "
        f"detections of torch, {parity.engine_matched} of {parity.engine_detections} of the "
        f"engine ({parity.matched_fraction:.2%}) over {parity.images} images, "
        f"needed {min_matched:.0%}; largest score difference {parity.max_score_difference:.2g}, "
        f"allowed {max_score_difference:g}"
    )
    kept = parity.max_score_difference <= max_score_difference
    return Check("parity", _pass_if(kept and parity.matched_fraction >= min_matched), reason)


def judge_accuracy(accuracy: Accuracy | None, max_ap_drop: float) -> Check:
    """Judge the loss of AP, of boxes and of masks, by the interval of a paired bootstrap.

    The whole interval below the limit passes, the whole interval above it fails, and where it
    holds the limit there are too few images to tell. Losses of AP50, AP75 and the sizes are
    named where they certainly exceed the limit; it is a limit of AP, which has them within it.
    """
    if accuracy is None or not accuracy.rows:
        note = (accuracy.note if accuracy is not None else "") or "not measured"
        return Check("accuracy", Outcome.INCONCLUSIVE, f"AP not comparable: {note}")
    rows = [accuracy.row(name) for name in JUDGED if accuracy.row(name).engine is not None]
    found = [_judge_row(row, accuracy.images, max_ap_drop) for row in rows or [accuracy.row("AP")]]
    outcome = min((check.outcome for check in found), key=SEVERITY.index)
    reason = "; ".join(check.reason for check in found)
    others = [row for row in accuracy.rows if row.metric not in JUDGED]
    lost = [
        f"{row.metric} loses {row.drop:.2f} ({row.drop_ci[0]:.2f} to {row.drop_ci[1]:.2f})"
        for row in others
        if row.drop_ci is not None and row.drop_ci[0] > max_ap_drop
    ]
    return Check("accuracy", outcome, "; ".join((reason, *lost)))


def _judge_row(row: AccuracyRow, images: int, limit: float) -> Check:
    """Judge one average precision; see `judge_accuracy`."""
    name, undecided = row.metric, Outcome.INCONCLUSIVE
    if row.torch is None or row.engine is None or not (_is_ap(row.torch) and _is_ap(row.engine)):
        return Check(name, undecided, f"{name} not comparable: not measured on both sides")
    reason = (
        f"{name} {row.torch:.2f} in torch, {row.engine:.2f} in the engine: drop "
        f"{row.drop:+.2f} points"
    )
    if row.drop_ci is None:
        return Check(name, undecided, f"{reason}, on too few images for an interval")
    low, high = row.drop_ci
    reason += f" (95 % interval {low:+.2f} to {high:+.2f} over {images} images), allowed {limit:g}"
    if high <= limit and row.torch <= limit:
        reason += f": so little {name} that even losing all of it would pass"
        return Check(name, undecided, reason)
    more = images_to_decide(Drop(row.drop, row.drop_ci), limit, images)
    if more == 0:
        return Check(name, _pass_if(high <= limit), reason)
    needed = "no number of images" if more is None else f"about {more} more images"
    return Check(name, undecided, f"{reason}: undecided, {needed} would decide")


def judge_budget(measured: MeasuredLatency | None, budget_ms: float | None) -> Check:
    """Judge the measured latency against the budget, by the upper end of its interval."""
    if budget_ms is None:
        return Check("budget", Outcome.NOT_JUDGED, "no latency budget was given")
    if measured is None:
        reason = f"latency not measured, so the budget of {budget_ms:.3f} ms is undecided"
        return Check("budget", Outcome.INCONCLUSIVE, reason)
    low, high = measured.ci_ms
    reason = (
        f"measured {measured.median_ms:.3f} ms (95 % interval {low:.3f} to {high:.3f}), "
        f"budget {budget_ms:.3f} ms{_doubts(measured)}"
    )
    if low <= budget_ms < high:
        reason += ": undecided, measure for longer or on an idle machine"
        return Check("budget", Outcome.INCONCLUSIVE, reason)
    return Check("budget", _pass_if(high <= budget_ms), reason)


def judge_prediction(
    measured: MeasuredLatency | None, predicted: PredictedLatency | None, tolerance: float
) -> Check:
    """Judge the distance of the measured latency from the predicted one."""
    if predicted is None:
        return Check("prediction", Outcome.NOT_JUDGED, "no latency was predicted")
    if measured is None:
        reason = f"latency not measured; predicted {predicted.p50_ms:.3f} ms"
        return Check("prediction", Outcome.INCONCLUSIVE, reason)
    distance = measured.median_ms / predicted.p50_ms - 1
    reason = (
        f"measured {measured.median_ms:.3f} ms is {distance:+.1%} off the predicted "
        f"{predicted.p50_ms:.3f} ms (interval {predicted.lo_ms:.3f} to {predicted.hi_ms:.3f}), "
        f"allowed {tolerance:.0%}{_doubts(measured)}"
    )
    return Check("prediction", _pass_if(abs(distance) <= tolerance), reason)


def _doubts(measured: MeasuredLatency) -> str:
    return f" (unstable measurement: {'; '.join(measured.unstable)})" if measured.unstable else ""


def _pass_if(condition: bool) -> Outcome:
    return Outcome.PASS if condition else Outcome.FAIL


def _is_ap(value: float | None) -> bool:
    # pycocotools says -1 where there is no object to find.
    return value is not None and 0 <= value <= 100
