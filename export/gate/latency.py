"""The latency of an engine against its budget and against what was predicted.

Both are judged by the measurement's 95 % confidence interval: wholly within the limit passes,
wholly beyond it fails, and where it holds the limit the measurement was too short to tell.

The budget is a promise about the machine as it is, so the milliseconds stand as measured. A
prediction is of the speed that the machine had while it was profiled; where a sentinel was timed
then and now, the measurement is brought to that speed first, as a table does with its rows.
"""

from __future__ import annotations

import math

from ..records.latency import MeasuredLatency, PredictedLatency
from ..records.percentiles import samples_for
from ..records.times import Attribution, Position
from .outcome import Check, Outcome, pass_if

FEED_BACK = "`detfit verify BUNDLE --data DIR --record TABLE` tells the table, for the next fit"
"""What to do where a prediction missed."""

PROFILE_HERE = "`detfit profile` this device to predict it"
"""The same where it was of another device."""

P50, P99 = BUDGET_ON = ("p50", "p99")
"""What of an engine's latency a budget may be about: its median, or its 99th percentile."""

Interval = tuple[float, float]


def judge_budget(
    measured: MeasuredLatency | None, budget_ms: float | None, budget_on: str = P50
) -> Check:
    """Judge the measured latency against the budget.

    Args:
        measured: Of the engine; ``None`` where it was not measured.
        budget_ms: What must not be exceeded; ``None`` judges nothing.
        budget_on: One of `BUDGET_ON`.
    """
    if budget_ms is None:
        return Check("budget", Outcome.NOT_JUDGED, "no latency budget was given")
    if measured is None:
        reason = f"latency not measured, so the budget of {budget_ms:.3f} ms is undecided"
        return Check("budget", Outcome.INCONCLUSIVE, reason)
    value_ms, (low, high) = judged_ms(measured, budget_on)
    end = f"{high:.3f}" if math.isfinite(high) else "unbounded"
    reason = (
        f"measured {value_ms:.3f} ms ({budget_on}; 95 % interval {low:.3f} to {end}), "
        f"budget {budget_ms:.3f} ms{_doubts(measured)}"
    )
    if low <= budget_ms < high:
        return Check("budget", Outcome.INCONCLUSIVE, f"{reason}: undecided, {_remedy(high)}")
    return Check("budget", pass_if(high <= budget_ms), reason)


def judge_prediction(
    measured: MeasuredLatency | None,
    predicted: PredictedLatency | None,
    tolerance: float,
    attribution: Attribution | None = None,
) -> Check:
    """Judge the distance of the measured latency from the predicted one.

    Args:
        measured: Of the engine; ``None`` where it was not measured.
        predicted: What was promised; ``None`` judges nothing.
        tolerance: Relative distance from the predicted median that is allowed.
        attribution: Names the modules that were mispredicted, where the prediction missed.
    """
    if predicted is None:
        return Check("prediction", Outcome.NOT_JUDGED, "no latency was predicted")
    if measured is None:
        reason = f"latency not measured; predicted {predicted.p50_ms:.3f} ms"
        return Check("prediction", Outcome.INCONCLUSIVE, reason)
    speed = speed_of(measured, predicted)
    low, high = (end / (speed or 1.0) / predicted.p50_ms - 1 for end in measured.ci_ms)
    position = position_of(measured, predicted)
    reason = (
        f"{_measured_text(measured, speed)}, "
        f"{comparable_ms(measured, predicted) / predicted.p50_ms - 1:+.1%} off the predicted "
        f"{predicted.p50_ms:.3f} ms{_elsewhere(predicted)}, allowed {tolerance:.0%}: {position} "
        f"{_interval(predicted)}"
        f"{_doubts(measured)}"
    )
    outcome = _within(low, high, tolerance)
    missed = position is not Position.INSIDE or outcome is not Outcome.PASS
    if missed and attribution is not None:
        reason += f"; by module: {attribution.explanation()}"
    if missed:
        reason += f"; {PROFILE_HERE if predicted.device else FEED_BACK}"
    return Check("prediction", outcome, reason)


def position_of(measured: MeasuredLatency, predicted: PredictedLatency) -> Position:
    """Return where the measured median lies with regard to the predicted interval."""
    ms = comparable_ms(measured, predicted)
    if ms > predicted.hi_ms:
        return Position.SLOWER
    return Position.FASTER if ms < predicted.lo_ms else Position.INSIDE


def comparable_ms(measured: MeasuredLatency, predicted: PredictedLatency) -> float:
    """Return the measured median at the speed of the machine that a prediction is for."""
    return measured.median_ms / (speed_of(measured, predicted) or 1.0)


def speed_of(measured: MeasuredLatency, predicted: PredictedLatency | None) -> float | None:
    """Return how many times slower than while it was profiled the machine was; None if unknown."""
    if predicted is None or predicted.reference_ms is None or measured.sentinel_ms is None:
        return None
    return measured.sentinel_ms / predicted.reference_ms


def judged_ms(measured: MeasuredLatency, budget_on: str) -> tuple[float, Interval]:
    """Return what a budget is about, with its interval; infinite above where it has no bound."""
    if budget_on == P50:
        return measured.median_ms, measured.ci_ms
    low, high = measured.p99_ci_ms or (0.0, None)
    return measured.p99_ms, (low, math.inf if high is None else high)


def _within(low: float, high: float, tolerance: float) -> Outcome:
    """Judge an interval of relative distances."""
    if -tolerance <= low and high <= tolerance:
        return Outcome.PASS
    if high < -tolerance or low > tolerance:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE


def _measured_text(measured: MeasuredLatency, speed: float | None) -> str:
    text = f"measured {measured.median_ms:.3f} ms"
    if speed is None:
        return text
    there = measured.median_ms / speed
    return f"{text} ({there:.3f} ms at the speed of the machine when it was profiled)"


def _elsewhere(predicted: PredictedLatency) -> str:
    return f" of another device ({predicted.device})" if predicted.device else ""


def _interval(predicted: PredictedLatency) -> str:
    confidence = f"{predicted.confidence:.0%} " if predicted.confidence else ""
    return f"its {confidence}interval {predicted.lo_ms:.3f} to {predicted.hi_ms:.3f} ms"


def _remedy(high: float) -> str:
    if math.isinf(high):
        return f"too few samples to bound it, {samples_for(0.99)} are needed"
    return "measure for longer or on an idle machine"


def _doubts(measured: MeasuredLatency) -> str:
    reasons = [*measured.unstable, *([measured.refused] if measured.refused else [])]
    return f" (unstable measurement: {'; '.join(reasons)})" if reasons else ""
