from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from export import (
    Accuracy,
    AccuracyRow,
    GateVerdict,
    MeasuredLatency,
    Outcome,
    ParityReport,
    PredictedLatency,
    judge,
)
from export.gate.latency import judge_budget, judge_prediction
from export.gate.outcome import Check
from export.gate.verdict import judge_accuracy

PASS, FAIL, OPEN, SKIP = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.NOT_JUDGED


@pytest.mark.parametrize(
    ("torch", "engine", "drop_ci", "outcome"),
    [
        (40.0, 40.0, (0.0, 0.0), PASS),
        (40.0, 39.8, (-0.1, 0.5), PASS),
        (40.0, 39.8, (-0.1, 0.51), OPEN),
        (40.0, 39.0, (0.5, 1.5), OPEN),
        (40.0, 39.0, (0.51, 1.5), FAIL),
        (40.0, 45.0, (-6.0, -4.0), PASS),
        (40.0, 40.0, None, OPEN),
        (40.0, None, None, OPEN),
        (None, None, None, OPEN),
        (-1.0, -1.0, (0.0, 0.0), OPEN),
        (-100.0, -100.0, (0.0, 0.0), OPEN),
        (float("nan"), 40.0, (0.0, 0.0), OPEN),
        (0.0, 0.0, (0.0, 0.0), OPEN),
        (0.4, 0.0, (0.3, 0.5), OPEN),
        (0.7, 0.0, (0.6, 0.8), FAIL),
    ],
)
def test_accuracy(
    make_accuracy: Callable[..., Accuracy],
    torch: float | None,
    engine: float | None,
    drop_ci: tuple[float, float] | None,
    outcome: Outcome,
) -> None:
    assert judge_accuracy(make_accuracy(torch, engine, drop_ci), 0.5).outcome is outcome


def test_accuracy_that_was_not_measured_says_why() -> None:
    assert judge_accuracy(None, 0.5).outcome is OPEN
    check = judge_accuracy(Accuracy("photos", 9, note="no class is shared"), 0.5)
    assert (check.outcome, check.reason) == (OPEN, "AP not comparable: no class is shared")


@pytest.mark.parametrize(
    ("engine", "drop_ci", "more"),
    [
        (39.8, (0.0, 0.8), "about 300 more images"),  # reach 0.6, distance 0.3: 4 times as many
        (39.2, (0.2, 1.5), "about 300 more images"),  # from the other side
        (39.5, (0.0, 1.0), "no number of images"),
    ],
)
def test_undecided_accuracy_says_how_many_images_would_decide(
    make_accuracy: Callable[..., Accuracy],
    engine: float,
    drop_ci: tuple[float, float],
    more: str,
) -> None:
    check = judge_accuracy(make_accuracy(40.0, engine, drop_ci), 0.5)
    assert check.outcome is OPEN
    assert f"undecided, {more} would decide" in check.reason


def test_the_worse_of_boxes_and_masks_decides_and_other_losses_are_named() -> None:
    rows = (
        AccuracyRow("AP", 40.0, 39.9, (0.0, 0.2)),
        AccuracyRow("AP small", 20.0, 17.0, (2.0, 4.0)),
        AccuracyRow("AP large", 20.0, 18.0, (-1.0, 5.0)),
        AccuracyRow("mask AP", 35.0, 30.0, (4.0, 6.0)),
    )
    check = judge_accuracy(Accuracy("data", 100, rows=rows), 0.5)
    assert check.outcome is FAIL
    assert "mask AP 35.00 in torch" in check.reason
    assert "AP small loses 3.00 (2.00 to 4.00)" in check.reason
    assert "AP large" not in check.reason
    boxes = judge_accuracy(Accuracy("data", 100, rows=rows[:3]), 0.5)
    assert boxes.outcome is PASS
    assert "AP small loses" in boxes.reason


@pytest.mark.parametrize(
    ("ci_ms", "budget", "outcome"),
    [
        ((6.0, 6.2), 6.2, PASS),
        ((6.0, 6.2), 7.0, PASS),
        ((6.0, 6.2), 6.1, OPEN),
        ((6.0, 6.2), 6.0, OPEN),
        ((6.0, 6.2), 5.99, FAIL),
        ((0.0, float("inf")), 7.0, OPEN),
        ((6.0, 6.2), None, SKIP),
    ],
)
def test_budget(
    make_measured: Callable[..., MeasuredLatency],
    ci_ms: tuple[float, float],
    budget: float | None,
    outcome: Outcome,
) -> None:
    assert judge_budget(make_measured(ci_ms=ci_ms), budget).outcome is outcome


def test_unmeasured_latency_never_passes(make_predicted: Callable[..., PredictedLatency]) -> None:
    assert judge_budget(None, 7.0).outcome is OPEN
    assert judge_prediction(None, make_predicted(), 0.1).outcome is OPEN


@pytest.mark.parametrize(
    ("median", "outcome"), [(6.0, PASS), (6.59, PASS), (6.61, FAIL), (5.41, PASS), (5.39, FAIL)]
)
def test_prediction(
    make_measured: Callable[..., MeasuredLatency],
    make_predicted: Callable[..., PredictedLatency],
    median: float,
    outcome: Outcome,
) -> None:
    measured = make_measured(median_ms=median, ci_ms=(median, median))
    check = judge_prediction(measured, make_predicted(), 0.10)
    assert check.outcome is outcome


def test_every_reason_says_numbers(
    make_accuracy: Callable[..., Accuracy],
    make_measured: Callable[..., MeasuredLatency],
    make_predicted: Callable[..., PredictedLatency],
    make_parity: Callable[..., ParityReport],
) -> None:
    verdict = judge(
        parity=make_parity(),
        accuracy=make_accuracy(),
        measured=make_measured(unstable=("busy machine",)),
        predicted=make_predicted(),
        budget_ms=7.0,
    )
    assert verdict.passed
    text = "\n".join(verdict.reasons)
    for number in ("199 of 200", "99.50%", "40.00", "39.90", "+0.10", "6.100", "7.000", "+1.7%"):
        assert number in text
    assert "unstable measurement: busy machine" in text


def test_without_latency_nothing_of_it_is_judged(
    make_accuracy: Callable[..., Accuracy],
    make_predicted: Callable[..., PredictedLatency],
    make_parity: Callable[..., ParityReport],
) -> None:
    verdict = judge(
        parity=make_parity(),
        accuracy=make_accuracy(40.0, 40.0, (0.0, 0.0)),
        measured=None,
        predicted=make_predicted(),
        budget_ms=7.0,
        latency_wanted=False,
    )
    assert verdict.outcome is PASS
    assert [check.outcome for check in verdict.checks] == [
        SKIP,
        SKIP,
        SKIP,
        PASS,
        PASS,
        SKIP,
        SKIP,
    ]


@given(st.lists(st.sampled_from(Outcome), max_size=6))
def test_the_worst_check_decides(outcomes: list[Outcome]) -> None:
    verdict = GateVerdict(tuple(Check("x", outcome, "because") for outcome in outcomes))
    assert verdict.passed == (set(outcomes) <= {PASS, SKIP} and PASS in outcomes)
    assert (verdict.outcome is FAIL) == (FAIL in outcomes)
    assert len(verdict.reasons) == len(outcomes)


def test_deciding_reasons_come_first() -> None:
    outcomes = (SKIP, PASS, OPEN, FAIL)
    verdict = GateVerdict(tuple(Check("x", outcome, "because") for outcome in outcomes))
    assert [reason.split(":")[0] for reason in verdict.reasons] == [
        "FAIL",
        "INCONCLUSIVE",
        "PASS",
        "NOT JUDGED",
    ]
