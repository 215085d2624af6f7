"""The verdict on an engine: a pure function of what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .parity import ParityReport
from .records import MeasuredLatency, PredictedLatency

MIN_MATCHED = 0.99
"""Detections of torch and engine that must find each other (matched at IoU 0.99, same class)."""

MAX_SCORE_DIFFERENCE = 0.05
"""Largest difference of the scores of a pair; fp32 engines stay below 1e-4, a shifted score is
a fault that neither boxes nor AP show."""

MAX_AP_DROP = 0.5
"""AP points (0..100) that an engine may lose unless the caller says otherwise."""

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


@dataclass(frozen=True, slots=True)
class Check:
    """Record one check.

    Attributes:
        name: What was checked: ``parity``, ``accuracy``, ``budget`` or ``prediction``.
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
        order = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS, Outcome.NOT_JUDGED)
        ranked = sorted(self.checks, key=lambda check: order.index(check.outcome))
        return tuple(f"{check.outcome}: {check.reason}" for check in ranked)


def judge(
    *,
    parity: ParityReport | None,
    ap_torch: float | None,
    ap_engine: float | None,
    measured: MeasuredLatency | None,
    predicted: PredictedLatency | None = None,
    budget_ms: float | None = None,
    max_ap_drop: float = MAX_AP_DROP,
    min_matched: float = MIN_MATCHED,
    max_score_difference: float = MAX_SCORE_DIFFERENCE,
    prediction_tolerance: float = PREDICTION_TOLERANCE,
    accuracy_note: str = "",
    ap_name: str = "AP",
    latency_wanted: bool = True,
) -> GateVerdict:
    """Judge an engine by parity, accuracy, budget and prediction.

    Args:
        parity: Matched detections of torch and engine; ``None`` where none were compared.
        ap_torch: COCO AP of the torch model, 0..100; ``None`` where AP is not comparable.
        ap_engine: COCO AP of the engine on the same images, 0..100.
        measured: Latency of the engine; ``None`` where it was not measured.
        predicted: Latency that the search predicted.
        budget_ms: Latency that the upper end of the measured interval must not exceed.
        max_ap_drop: AP points that the engine may lose.
        min_matched: Fraction of detections that must be matched, 0..1.
        max_score_difference: Largest difference of the scores of a pair.
        prediction_tolerance: Relative distance from the prediction that is allowed.
        accuracy_note: Why AP is not comparable, where it is not.
        ap_name: What is judged as AP: ``AP`` of boxes, or ``mask AP``.
        latency_wanted: Whether budget and prediction are to be judged at all.

    Returns:
        The verdict with one check each for parity, accuracy, budget and prediction.
    """
    parity_check = judge_parity(parity, min_matched, max_score_difference)
    accuracy_check = judge_accuracy(ap_torch, ap_engine, max_ap_drop, accuracy_note, ap_name)
    if not latency_wanted:
        reason = "latency was not to be measured"
        unjudged = (Check(name, Outcome.NOT_JUDGED, reason) for name in ("budget", "prediction"))
        return GateVerdict((parity_check, accuracy_check, *unjudged))
    return GateVerdict(
        (
            parity_check,
            accuracy_check,
            judge_budget(measured, budget_ms),
            judge_prediction(measured, predicted, prediction_tolerance),
        )
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


def judge_accuracy(
    ap_torch: float | None,
    ap_engine: float | None,
    max_ap_drop: float,
    note: str = "",
    name: str = "AP",
) -> Check:
    """Judge the loss of AP, in points of 0..100."""
    known = [value for value in (ap_torch, ap_engine) if _is_ap(value)]
    if ap_torch is None or ap_engine is None or len(known) < 2:
        return Check(
            "accuracy", Outcome.INCONCLUSIVE, f"{name} not comparable: {note or 'not measured'}"
        )
    drop = ap_torch - ap_engine
    reason = (
        f"{name} {ap_torch:.2f} in torch, {ap_engine:.2f} in the engine: drop {drop:+.2f} points, "
        f"allowed {max_ap_drop:g}"
    )
    if drop <= max_ap_drop and ap_torch <= max_ap_drop:
        reason += f": so little {name} that even losing all of it would pass"
        return Check("accuracy", Outcome.INCONCLUSIVE, reason)
    return Check("accuracy", _pass_if(drop <= max_ap_drop), reason)


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
