import math
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from export import (
    Attribution,
    GateLimits,
    MeasuredLatency,
    ModuleGap,
    Outcome,
    Position,
    PredictedLatency,
    VerificationError,
    judge,
)
from export.gate.latency import comparable_ms, judge_budget, judge_prediction, position_of

PASS, FAIL, OPEN, SKIP = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.NOT_JUDGED
Make = Callable[..., MeasuredLatency]
MakePredicted = Callable[..., PredictedLatency]
Ms = st.floats(0.1, 100)


@pytest.mark.parametrize(
    ("budget_on", "outcome"), [("p50", PASS), ("p99", FAIL)], ids=["median", "tail"]
)
def test_the_user_chooses_what_the_budget_is_about(
    make_measured: Make, budget_on: str, outcome: Outcome
) -> None:
    measured = make_measured(ci_ms=(6.0, 6.2), p99_ms=9.0, p99_ci_ms=(8.5, 9.5))
    check = judge_budget(measured, 7.0, budget_on)
    assert check.outcome is outcome
    assert f"({budget_on};" in check.reason


@pytest.mark.parametrize(
    ("p99_ci_ms", "outcome"),
    [
        ((6.5, 6.9), PASS),
        ((6.5, 7.5), OPEN),
        ((7.1, 7.5), FAIL),
        ((6.5, None), OPEN),
        ((7.1, None), FAIL),
        (None, OPEN),
    ],
)
def test_the_tail_is_judged_by_its_own_interval(
    make_measured: Make, p99_ci_ms: tuple[float, float | None] | None, outcome: Outcome
) -> None:
    check = judge_budget(make_measured(p99_ci_ms=p99_ci_ms), 7.0, "p99")
    assert check.outcome is outcome
    if outcome is OPEN and (p99_ci_ms is None or p99_ci_ms[1] is None):
        assert "368 are needed" in check.reason


@given(Ms, Ms, Ms, st.sampled_from(["p50", "p99"]))
def test_over_budget_never_passes(a: float, b: float, budget: float, budget_on: str) -> None:
    low, high = sorted((a, b))
    measured = MeasuredLatency(
        (low + high) / 2, (low, high), high, high, 50, p99_ci_ms=(low, high)
    )
    check = judge_budget(measured, budget, budget_on)
    assert check.outcome is (PASS if high <= budget else FAIL if low > budget else OPEN)
    verdict = judge(
        parity=None, accuracy=None, measured=measured, budget_ms=budget, budget_on=budget_on
    )
    assert not (low > budget and verdict.outcome is not FAIL)


def test_an_unknown_statistic_is_refused() -> None:
    with pytest.raises(VerificationError, match="budget_on must be one of p50, p99, got 'mean'"):
        GateLimits(budget_on="mean")


@pytest.mark.parametrize(
    ("median", "ci_ms", "position", "outcome"),
    [
        (6.0, (5.95, 6.05), Position.INSIDE, PASS),
        (6.3, (6.25, 6.35), Position.SLOWER, PASS),
        (6.7, (6.65, 6.75), Position.SLOWER, FAIL),
        (6.55, (6.45, 6.65), Position.SLOWER, OPEN),
        (5.7, (5.65, 5.75), Position.FASTER, PASS),
        (5.0, (4.9, 5.1), Position.FASTER, FAIL),
        (5.4, (5.3, 5.5), Position.FASTER, OPEN),
        (6.0, (5.0, 7.0), Position.INSIDE, OPEN),
    ],
)
def test_position_and_tolerance(
    make_measured: Make,
    make_predicted: MakePredicted,
    median: float,
    ci_ms: tuple[float, float],
    position: Position,
    outcome: Outcome,
) -> None:
    measured = make_measured(median_ms=median, ci_ms=ci_ms)
    check = judge_prediction(measured, make_predicted(), 0.10)
    assert (position_of(measured, make_predicted()), check.outcome) == (position, outcome)
    assert f"{position} its 90% interval 5.800 to 6.200 ms" in check.reason


def test_the_machine_s_speed_is_taken_out_of_the_prediction_and_not_of_the_budget(
    make_measured: Make, make_predicted: MakePredicted
) -> None:
    """A machine that is 20 % slower today: the promise was kept, the budget was not."""
    measured = make_measured(median_ms=7.2, ci_ms=(7.15, 7.25), sentinel_ms=9.6)
    predicted = make_predicted(reference_ms=8.0)
    assert comparable_ms(measured, predicted) == pytest.approx(6.0)
    check = judge_prediction(measured, predicted, 0.10)
    assert check.outcome is PASS
    assert "6.000 ms at the speed of the machine when it was profiled" in check.reason
    assert judge_prediction(measured, make_predicted(), 0.10).outcome is FAIL
    assert judge_budget(measured, 7.0).outcome is FAIL


def test_a_miss_names_its_modules(make_measured: Make, make_predicted: MakePredicted) -> None:
    gaps = (
        ModuleGap("neck", "neck", 2.0, 3.5),
        ModuleGap("stem", "backbone", 4.0, 3.8),
    )
    found = Attribution(gaps, 9.0, 12)
    missed = make_measured(median_ms=7.3, ci_ms=(7.2, 7.4))
    reason = judge_prediction(missed, make_predicted(), 0.1, found).reason
    assert (
        "by module: +1.300 ms in all, the largest errors are neck (+1.500 ms: 3.500 against 2.000 "
        "predicted), stem (-0.200 ms: 3.800 against 4.000 predicted)"
    ) in reason
    kept = make_measured(median_ms=6.0, ci_ms=(5.9, 6.1))
    assert "by module" not in judge_prediction(kept, make_predicted(), 0.1, found).reason


def test_a_miss_says_what_to_do(make_measured: Make, make_predicted: MakePredicted) -> None:
    missed = make_measured(median_ms=7.3, ci_ms=(7.2, 7.4))
    assert "verify BUNDLE --data DIR --record TABLE" in _reason(missed, make_predicted())
    elsewhere = make_predicted(device="Tesla V100")
    reason = _reason(missed, elsewhere)
    assert "off the predicted 6.000 ms of another device (Tesla V100), allowed" in reason
    assert "`detfit profile` this device" in reason
    kept = make_measured(median_ms=6.0, ci_ms=(5.9, 6.1))
    assert "detfit" not in _reason(kept, make_predicted())
    assert "another device (Tesla V100)" in _reason(kept, elsewhere)


def _reason(measured: MeasuredLatency, predicted: PredictedLatency) -> str:
    return judge_prediction(measured, predicted, 0.1).reason


def test_refused_measurements_say_so(make_measured: Make) -> None:
    measured = make_measured(refused="the machine's speed changed")
    assert (
        "unstable measurement: the machine's speed changed" in judge_budget(measured, 7.0).reason
    )


def test_nothing_to_judge(make_measured: Make, make_predicted: MakePredicted) -> None:
    assert judge_budget(make_measured(), None).outcome is SKIP
    assert judge_prediction(make_measured(), None, 0.1).outcome is SKIP
    assert judge_budget(make_measured(ci_ms=(0.0, math.inf)), 7.0).outcome is OPEN
