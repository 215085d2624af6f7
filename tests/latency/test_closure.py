from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from latency import Closure, PredictorError, fit_closure


def test_affine_relation_is_found_exactly():
    sums = np.linspace(2, 9, 12)
    closure = fit_closure(sums, 1.2 * sums + 0.7)
    assert closure.model == "affine"
    assert closure.scale == pytest.approx(1.2)
    assert closure.offset_ms == pytest.approx(0.7)
    assert closure.margin(0.9) == pytest.approx(0, abs=1e-9)


def test_a_disturbed_detector_does_not_bend_the_fit():
    sums = np.linspace(2, 9, 14)
    measured = 1.2 * sums + 0.7
    measured[[3, 9]] *= 1.5
    closure = fit_closure(sums, measured)
    assert closure.apply(sums[:3]) == pytest.approx(1.2 * sums[:3] + 0.7, rel=0.01)
    assert closure.margin(0.9) > 0.3  # the interval does not hide it


def test_noise_alone_is_not_explained_by_a_larger_model():
    rng = np.random.default_rng(3)
    sums = rng.uniform(10, 10.01, 6)  # nothing to learn a slope from
    closure = fit_closure(sums, sums * rng.normal(1, 0.01, 6))
    assert closure.model in ("identity", "scale")


def test_no_model_ranks_the_slower_detector_faster():
    """Sums and times without any relation: a falling line fits best, and is refused."""
    rng = np.random.default_rng(5)
    for _ in range(100):
        sums, measured = rng.normal(10, 0.2, 8), rng.normal(10, 0.2, 8)
        closure = fit_closure(sums, measured)
        assert closure.scale > 0
        assert np.all(closure.apply(sums) > 0)


def test_few_detectors_keep_the_sum():
    closure = fit_closure(np.array([1.0, 2.0]), np.array([1.1, 2.1]))
    assert (closure.model, closure.scale, closure.offset_ms) == ("identity", 1.0, 0.0)
    assert closure.max_confidence == pytest.approx(2 / 3)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_impossible_times_are_refused(bad):
    with pytest.raises(PredictorError, match="positive, finite"):
        fit_closure(np.array([1.0, 2.0]), np.array([1.0, bad]))
    with pytest.raises(PredictorError, match="at least one"):
        fit_closure(np.array([]), np.array([]))


def test_margin_is_the_conformal_rank():
    residuals = (-0.09, -0.02, 0.01, 0.03, 0.05, 0.06, 0.07, 0.08, 0.1)
    closure = Closure("identity", 1.0, 0.0, residuals, len(residuals))
    assert closure.margin(0.9) == 0.1  # ceil(10 * 0.9) = 9th smallest of 9
    assert closure.margin(0.5) == 0.06  # ceil(10 * 0.5) = 5th smallest absolute value
    assert closure.upper_margin(0.5) == 0.05
    with pytest.raises(PredictorError, match="between 0 and 1"):
        closure.margin(1.0)


def test_intervals_cover_new_detectors():
    """Split-half simulation: nominal 90 % intervals hold for detectors never seen."""
    rng, inside = np.random.default_rng(0), []
    for _ in range(200):
        sums = rng.uniform(5, 20, 26)
        measured = (1.05 * sums + 0.4) * rng.normal(1, 0.02, 26)
        closure = fit_closure(sums[:19], measured[:19])
        predicted = closure.apply(sums[19:])
        inside.append(np.abs(measured[19:] / predicted - 1) <= closure.margin(0.9))
    assert 0.87 <= np.mean(inside) <= 0.95


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=20), st.floats(0.5, 2))
def test_fit_never_returns_other_than_finite_numbers(sums, factor):
    closure = fit_closure(np.array(sums), np.array(sums) * factor)
    assert np.all(np.isfinite([closure.scale, closure.offset_ms, *closure.residuals]))


def test_intervals_hold_for_a_measurement_at_another_time():
    """A machine that drifts by 2 % between replicates: intervals cover one more replicate."""
    rng, inside = np.random.default_rng(0), []
    for _ in range(100):
        sums = rng.uniform(5, 20, 20)
        replicates = sums[:12, None] * rng.normal(1, 0.02, (12, 3))
        closure = fit_closure(sums[:12], replicates.mean(1), replicates.tolist())
        once = sums[12:] * rng.normal(1, 0.02, 8)
        inside.append(np.abs(once / closure.apply(sums[12:]) - 1) <= closure.margin(0.9))
    assert 0.87 <= np.mean(inside) <= 0.95
