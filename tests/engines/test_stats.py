import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats as oracle

from engines.stats import (
    half_drift,
    median_ci,
    median_ci_rank,
    relative_half_width,
    relative_slope,
)

positive = st.floats(1e-3, 1e3)


@pytest.mark.parametrize("n", [*range(1, 80), 199, 200, 999, 1000, 1500, 5000])
def test_rank_is_the_binomial_one(n: int) -> None:
    # the largest k with 1 - 2 P(B <= k - 1) >= 0.95
    ranks = [k for k in range(1, n // 2 + 1) if 1 - 2 * oracle.binom.cdf(k - 1, n, 0.5) >= 0.95]
    assert median_ci_rank(n) == max(ranks, default=0)


def test_rank_of_published_table() -> None:
    # David & Nagaraja, and any table of the sign test: n = 20 gives x(6) and x(15).
    assert median_ci_rank(20) == 6
    assert [median_ci_rank(n) for n in (1, 5, 6, 8, 9)] == [0, 0, 1, 1, 2]


def test_rank_follows_the_confidence() -> None:
    assert median_ci_rank(20, 0.99) < median_ci_rank(20, 0.95) < median_ci_rank(20, 0.5)


@pytest.mark.parametrize("n", [6, 20, 61])
def test_interval_covers_the_median_of_a_skewed_distribution(n: int) -> None:
    rng = np.random.default_rng(n)
    draws = rng.lognormal(0.0, 0.5, (4000, n))  # median 1
    bounds = np.array([median_ci(row) for row in draws.tolist()])
    coverage = np.mean((bounds[:, 0] <= 1.0) & (bounds[:, 1] >= 1.0))
    exact = 1 - 2 * oracle.binom.cdf(median_ci_rank(n) - 1, n, 0.5)
    assert coverage == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 4000))
    assert coverage > 0.94


@given(st.lists(positive, min_size=6, max_size=60))
def test_interval_holds_the_median_and_two_samples(samples: list[float]) -> None:
    low, high = median_ci(samples)
    assert low in samples
    assert high in samples
    assert low <= np.median(samples) <= high


@given(st.lists(positive, max_size=5))
def test_too_few_samples_bound_nothing(samples: list[float]) -> None:
    assert median_ci(samples) == (0.0, math.inf)


def test_half_width() -> None:
    assert relative_half_width([1.0] * 10) == 0.0
    assert relative_half_width([1.0] * 5) == math.inf
    assert relative_half_width([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) == pytest.approx(2.5 / 3.5)


@given(st.lists(positive, min_size=2, max_size=12))
def test_slope_is_theil_sen(samples: list[float]) -> None:
    expected = oracle.theilslopes(samples).slope / np.median(samples)
    assert relative_slope(samples) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_slope_of_a_line_and_of_a_spike() -> None:
    assert relative_slope([1.0, 1.01, 1.02]) == pytest.approx(0.01 / 1.01)
    assert relative_slope([1.0, 1.0, 9.0, 1.0, 1.0]) == 0.0


def test_drift() -> None:
    assert half_drift([1.0]) == 0.0
    assert half_drift([1.0, 1.0, 5.0, 1.1, 1.1]) == pytest.approx(0.1)  # the middle one is in none
    assert half_drift([2.0, 1.0]) == pytest.approx(-0.5)
