import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats as oracle

from engines.stats import (
    MAX_AUTOCORRELATION,
    effective_size,
    half_drift,
    median_ci,
    median_ci_rank,
    rank_autocorrelation,
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


def _autoregression(rho: float, n: int, repeats: int, seed: int) -> np.ndarray:
    """Return stationary AR(1) rows of standard normal values."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((repeats, n)) * math.sqrt(1 - rho**2)
    rows = np.empty_like(noise)
    rows[:, 0] = rng.standard_normal(repeats)
    for i in range(1, n):
        rows[:, i] = rho * rows[:, i - 1] + noise[:, i]
    return rows


def _bounds(rows: np.ndarray) -> np.ndarray:
    return np.array([median_ci(row) for row in rows.tolist()])


@pytest.mark.parametrize("n", [6, 20, 61])
def test_interval_covers_the_median_of_a_skewed_distribution(n: int) -> None:
    rng = np.random.default_rng(n)
    bounds = _bounds(rng.lognormal(0.0, 0.5, (4000, n)))  # median 1
    coverage = np.mean((bounds[:, 0] <= 1.0) & (bounds[:, 1] >= 1.0))
    exact = 1 - 2 * oracle.binom.cdf(median_ci_rank(n) - 1, n, 0.5)
    # never narrower than the exact interval of independent samples, and hardly wider
    assert exact - 4 * math.sqrt(exact * (1 - exact) / 4000) <= coverage <= exact + 0.02


@pytest.mark.parametrize(
    ("rho", "n", "least"),
    [(0.0, 100, 0.95), (0.5, 100, 0.95), (0.8, 100, 0.95), (0.9, 100, 0.92), (0.5, 20, 0.9)],
)
def test_interval_covers_the_median_of_samples_that_resemble_their_predecessors(
    rho: float, n: int, least: float
) -> None:
    bounds = _bounds(np.exp(_autoregression(rho, n, 1000, seed=n)))  # skewed, median 1
    assert np.mean((bounds[:, 0] <= 1.0) & (bounds[:, 1] >= 1.0)) >= least


def test_independent_samples_keep_their_narrow_interval() -> None:
    rows = _autoregression(0.0, 100, 1000, seed=3)
    rank = median_ci_rank(100)
    ordered = np.sort(rows, axis=1)
    exact = ordered[:, 100 - rank] - ordered[:, rank - 1]
    bounds = _bounds(rows)
    ratio = (bounds[:, 1] - bounds[:, 0]) / exact
    assert np.mean(ratio == 1.0) > 0.8
    assert np.mean(ratio) < 1.05


def test_autocorrelation_in_closed_form() -> None:
    # 1..n: the ranks are the values, the sum of products of neighbours is known.
    n = 12
    centred = np.arange(1, n + 1) - (n + 1) / 2
    plain = float(centred[1:] @ centred[:-1] / (centred @ centred))
    corrected = plain + (1 + 3 * plain) / n
    assert corrected > MAX_AUTOCORRELATION > plain
    assert rank_autocorrelation(range(1, n + 1)) == MAX_AUTOCORRELATION
    # 1 1 2 2 1 1 2 2 ...: neighbours agree as often as not
    assert rank_autocorrelation([1.0, 1.0, 2.0, 2.0] * 5) == 0.0
    assert rank_autocorrelation([1.0, 3.0] * 10) == 0.0  # negative counts as none
    assert rank_autocorrelation([1.0] * 20) == 0.0
    assert rank_autocorrelation([1.0, 2.0]) == 0.0


@pytest.mark.parametrize("rho", [0.3, 0.6, 0.9])
def test_autocorrelation_is_found(rho: float) -> None:
    row = _autoregression(rho, 4000, 1, seed=7)[0]
    # Spearman's correlation of normal values, in closed form
    expected = 6 / math.pi * math.asin(rho / 2)
    assert rank_autocorrelation(row.tolist()) == pytest.approx(expected, abs=0.05)
    size = effective_size(row.tolist())
    assert size == pytest.approx(4000 * (1 - expected) / (1 + expected), rel=0.15)


def test_one_outlier_does_not_hide_the_autocorrelation() -> None:
    row = np.exp(0.01 * _autoregression(0.8, 200, 1, seed=1)[0])
    before = rank_autocorrelation(row.tolist())
    row[100] = 1000.0
    assert rank_autocorrelation(row.tolist()) == pytest.approx(before, abs=0.05)


def test_a_trend_bounds_nothing() -> None:
    assert median_ci([1.0 + 0.001 * i for i in range(40)]) == (0.0, math.inf)


@given(st.lists(positive, min_size=6, max_size=60))
def test_interval_holds_the_median_and_two_samples(samples: list[float]) -> None:
    low, high = median_ci(samples)
    assert (low in samples and high in samples) or (low, high) == (0.0, math.inf)
    assert low <= np.median(samples) <= high


@given(st.lists(positive, max_size=5))
def test_too_few_samples_bound_nothing(samples: list[float]) -> None:
    assert median_ci(samples) == (0.0, math.inf)


def test_half_width() -> None:
    assert relative_half_width([1.0] * 10) == 0.0
    assert relative_half_width([1.0] * 5) == math.inf
    assert relative_half_width([1.0, 6.0, 2.0, 5.0, 3.0, 4.0]) == pytest.approx(2.5 / 3.5)


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
