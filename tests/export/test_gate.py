from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from export import GateVerdict, MeasuredLatency, Outcome, ParityReport, PredictedLatency, judge
from export.gate import Check, judge_accuracy, judge_budget, judge_parity, judge_prediction

PASS, FAIL, OPEN, SKIP = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.NOT_JUDGED


@pytest.mark.parametrize(
    ("matched", "total", "outcome"),
    [(198, 200, PASS), (197, 200, FAIL), (0, 200, FAIL), (0, 0, OPEN), (1, 1, PASS)],
)
def test_parity(
    make_parity: Callable[..., ParityReport], matched: int, total: int, outcome: Outcome
) -> None:
    report = make_parity(
        torch_detections=total,
        engine_detections=total,
        torch_matched=matched,
        engine_matched=matched,
    )
    assert judge_parity(report, 0.99).outcome is outcome


def test_parity_counts_what_only_the_engine_finds(
    make_parity: Callable[..., ParityReport],
) -> None:
    report = make_parity(
        torch_detections=100, torch_matched=100, engine_detections=150, engine_matched=100
    )
    assert judge_parity(report, 0.99).outcome is FAIL
    silent = make_parity(
        torch_detections=100, torch_matched=0, engine_detections=0, engine_matched=0
    )
    assert judge_parity(silent, 0.99).outcome is FAIL


def test_shifted_scores_fail_though_every_box_matches(
    make_parity: Callable[..., ParityReport],
) -> None:
    assert judge_parity(make_parity(max_score_difference=0.049), 0.99).outcome is PASS
    assert judge_parity(make_parity(max_score_difference=0.051), 0.99).outcome is FAIL


def test_no_comparison_is_inconclusive() -> None:
    assert judge_parity(None, 0.99).outcome is OPEN


@pytest.mark.parametrize(
    ("torch", "engine", "outcome"),
    [
        (40.0, 40.0, PASS),
        (40.0, 39.5, PASS),
        (40.0, 39.49, FAIL),
        (40.0, 45.0, PASS),
        (40.0, None, OPEN),
        (None, None, OPEN),
        (-1.0, -1.0, OPEN),
        (-100.0, -100.0, OPEN),
        (float("nan"), 40.0, OPEN),
        (0.0, 0.0, OPEN),
        (0.4, 0.0, OPEN),
        (0.6, 0.0, FAIL),
    ],
)
def test_accuracy(torch: float | None, engine: float | None, outcome: Outcome) -> None:
    assert judge_accuracy(torch, engine, 0.5).outcome is outcome


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
    check = judge_prediction(make_measured(median_ms=median), make_predicted(), 0.10)
    assert check.outcome is outcome


def test_every_reason_says_numbers(
    make_measured: Callable[..., MeasuredLatency],
    make_predicted: Callable[..., PredictedLatency],
    make_parity: Callable[..., ParityReport],
) -> None:
    verdict = judge(
        parity=make_parity(),
        ap_torch=40.0,
        ap_engine=39.9,
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
    make_predicted: Callable[..., PredictedLatency], make_parity: Callable[..., ParityReport]
) -> None:
    verdict = judge(
        parity=make_parity(),
        ap_torch=40.0,
        ap_engine=40.0,
        measured=None,
        predicted=make_predicted(),
        budget_ms=7.0,
        latency_wanted=False,
    )
    assert verdict.outcome is PASS
    assert [check.outcome for check in verdict.checks] == [PASS, PASS, SKIP, SKIP]


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
