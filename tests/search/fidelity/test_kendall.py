"""Kendall's tau against scipy's, and its weights against what they stand for."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import kendalltau

from search.fidelity.kendall import effective_count, tau_interval, weighted_tau

pairs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=20)


@given(pairs)
def test_equal_weights_give_the_usual_tau(rows: list[tuple[int, int]]) -> None:
    first, second = np.array(rows, float).T
    found = weighted_tau(first, second, np.full(len(rows), 2.5))
    oracle = float(kendalltau(first, second).statistic)
    assert math.isnan(found) == math.isnan(oracle)
    assert math.isnan(oracle) or found == pytest.approx(oracle, abs=1e-12)


def test_weights_undo_a_choice() -> None:
    """Of 400 candidates with a noisy order the best are all seen, the others now and then."""
    rng = np.random.default_rng(0)
    naive, weighted, truth = [], [], []
    for _ in range(60):
        first = rng.normal(size=400)
        second = first + rng.normal(size=400)
        best = first >= np.quantile(first, 2 / 3)
        seen = best | (rng.random(400) < 0.1)
        weights = np.where(best, 1.0, 10.0)[seen]
        truth.append(weighted_tau(first, second, np.ones(400)))
        naive.append(weighted_tau(first[seen], second[seen], np.ones(seen.sum())))
        weighted.append(weighted_tau(first[seen], second[seen], weights))
    assert np.mean(weighted) == pytest.approx(np.mean(truth), abs=0.02)
    assert np.mean(naive) < np.mean(truth) - 0.03


def test_the_interval_holds_of_chosen_candidates() -> None:
    """Kish's count is a rough one for tau; the interval still covers about what it says."""
    rng, inside = np.random.default_rng(1), 0
    tau = 2 / math.pi * math.asin(1 / math.sqrt(2))  # of the normal with correlation 0.71
    for _ in range(300):
        first = rng.normal(size=90)
        second = first + rng.normal(size=90)
        best = first >= np.quantile(first, 2 / 3)
        seen = best | (rng.random(90) < 0.1)
        weights = np.where(best, 1.0, 10.0)[seen]
        found = weighted_tau(first[seen], second[seen], weights)
        interval = tau_interval(found, effective_count(weights))
        inside += interval is None or interval[0] <= tau <= interval[1]
    assert inside / 300 > 0.85


def test_few_observations_tell_nothing() -> None:
    assert tau_interval(0.5, 4.9) is None
    assert tau_interval(math.nan, 50) is None
    low, high = tau_interval(1.0, 5) or (0.0, 0.0)
    assert low < high <= 1.0
    assert effective_count(np.ones(7)) == pytest.approx(7.0)
    assert effective_count(np.array([1.0, 1.0, 10.0])) == pytest.approx(144 / 102)
    assert effective_count(np.zeros(0)) == 0.0
    assert math.isnan(weighted_tau(np.ones(3), np.arange(3.0), np.ones(3)))
    assert math.isnan(weighted_tau(np.zeros(0), np.zeros(0), np.zeros(0)))
