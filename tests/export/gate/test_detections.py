from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from export import Outcome, ParityReport
from export.gate.detections import GROUP_CHANCE, LIMITS, is_weak, judge_parity, parity_limits
from export.gate.parity import ParityGroup

PASS, FAIL, OPEN = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


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


def test_shifted_boxes_and_masks_fail_though_all_are_pairs(
    make_parity: Callable[..., ParityReport],
) -> None:
    assert judge_parity(make_parity(mean_iou=0.9999)).outcome is PASS
    shifted = judge_parity(make_parity(mean_iou=0.995))
    assert shifted.outcome is FAIL
    assert "boxes of pairs overlap by 0.99500 in the mean" in shifted.reason
    apart = judge_parity(make_parity(mean_score_difference=0.02))
    assert apart.outcome is FAIL
    assert "scores of pairs are 0.02 apart in the mean, allowed 0.002" in apart.reason
    assert judge_parity(make_parity(mean_score_difference=0.02), precision="int8").outcome is PASS
    assert judge_parity(make_parity(mask_iou=0.98)).outcome is FAIL
    assert judge_parity(make_parity(mask_iou=0.999)).outcome is PASS


def test_a_rare_class_is_not_outvoted(make_parity: Callable[..., ParityReport]) -> None:
    common, rare = ParityGroup("cat", 1990, 1990), ParityGroup("okapi", 10, 5)
    report = make_parity(
        torch_detections=1000,
        torch_matched=998,
        engine_detections=1000,
        engine_matched=997,
        groups=(common, rare),
    )
    check = judge_parity(report)
    assert check.outcome is FAIL
    assert "of okapi only 5 of 10 are matched" in check.reason
    few = make_parity(groups=(ParityGroup("okapi", 10, 9), common))
    assert judge_parity(few).outcome is PASS


@given(needed=st.integers(1, 400), missed=st.integers(0, 400), least=st.floats(0.5, 1.0))
def test_a_weak_group_is_one_that_chance_hardly_makes(
    needed: int, missed: int, least: float
) -> None:
    """Against the sum of the binomial's terms."""
    from math import comb

    missed = min(missed, needed)
    chance = sum(
        comb(needed, k) * (1 - least) ** k * least ** (needed - k)
        for k in range(missed, needed + 1)
    )
    if abs(chance - GROUP_CHANCE) > 1e-9:  # where both sums round alike
        group = ParityGroup("x", needed, needed - missed)
        assert is_weak(group, least) == (missed > 0 and chance < GROUP_CHANCE)


def test_limits_of_lower_precisions_are_looser_and_never_stricter_than_asked() -> None:
    order = [LIMITS[name] for name in ("fp32", "fp16", "int8")]
    for strict, loose in pairwise(order):
        assert loose.iou < strict.iou
        assert loose.min_matched < strict.min_matched
        assert loose.max_score_difference > strict.max_score_difference
    assert parity_limits("fp32", 0.9, 0.2).min_matched == 0.9
    assert parity_limits("int8", 0.99).min_matched == LIMITS["int8"].min_matched
    assert parity_limits("int8", 0.1).min_matched == 0.1
    assert parity_limits("bf16") == LIMITS["fp16"]


def test_rows_that_are_no_detections_fail(make_parity: Callable[..., ParityReport]) -> None:
    """Padding has no score, so that neither AP nor matching shows it."""
    padded = judge_parity(make_parity(torch_total=300, engine_total=1000))
    assert padded.outcome is FAIL
    assert "torch gives 300 detections of any score, the engine 1000" in padded.reason
    assert judge_parity(make_parity(torch_total=301, engine_total=299)).outcome is PASS
