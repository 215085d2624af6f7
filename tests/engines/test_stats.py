import math
import time

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats as oracle

from engines.stats import (
    MAX_AUTOCORRELATION,
    block_length,
    half_drift,
    median_ci,
    median_ci_rank,
    median_of,
    rank_autocorrelation,
    relative_half_width,
    relative_slope,
    third_drift,
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
    ("rho", "n", "least", "most"),
    [
        *((rho, 100, 0.94, 0.98) for rho in (0.0, 0.3, 0.5, 0.8, 0.9)),
        *((rho, 400, 0.935, 0.98) for rho in (0.3, 0.8)),
        (0.5, 40, 0.94, 0.99),
        (0.5, 20, 0.9, 0.97),
        (0.8, 20, 0.9, 0.97),
    ],
)
def test_interval_covers_the_median_of_samples_that_resemble_their_predecessors(
    rho: float, n: int, least: float, most: float
) -> None:
    bounds = _bounds(np.exp(_autoregression(rho, n, 1500, seed=n)))  # skewed, median 1
    assert least <= np.mean((bounds[:, 0] <= 1.0) & (bounds[:, 1] >= 1.0)) <= most


@pytest.mark.parametrize("rho", [0.5, 0.8])
def test_interval_is_as_wide_as_the_medians_scatter(rho: float) -> None:
    rows = _autoregression(rho, 500, 400, seed=1)
    bounds = _bounds(rows)
    wanted = 2 * 1.96 * np.median(rows, axis=1).std()
    assert np.median(bounds[:, 1] - bounds[:, 0]) == pytest.approx(wanted, rel=0.15)


@pytest.mark.parametrize(("sigma", "half_width", "n"), [(0.02, 0.005, 97), (0.1, 0.005, 2414)])
def test_planning_figures_of_independent_noise(sigma: float, half_width: float, n: int) -> None:
    # n = (1.96 * 1.2533 * sigma / h)**2
    rng = np.random.default_rng(n)
    widths = [relative_half_width(rng.lognormal(0.0, sigma, n).tolist()) for _ in range(200)]
    assert np.median(widths) == pytest.approx(half_width, rel=0.08)


@pytest.mark.parametrize("n", [40, 200, 1000])
def test_a_look_takes_less_than_a_millisecond(n: int) -> None:
    row = np.exp(_autoregression(0.5, n, 1, seed=0)[0]).tolist()
    median_ci(row)  # draws once
    taken = []
    for _ in range(20):
        start = time.perf_counter()
        median_ci(row)
        taken.append(time.perf_counter() - start)
    assert min(taken) < 1e-3


def test_equal_samples_give_equal_intervals() -> None:
    row = _autoregression(0.8, 60, 1, seed=0)[0].tolist()
    assert median_ci(row) == median_ci(list(row))


def test_blocks_grow_with_what_samples_have_in_common() -> None:
    assert block_length(100, 0.0) == 1
    lengths = [block_length(1000, rho) for rho in (0.1, 0.3, 0.5, 0.8, 0.9)]
    assert lengths == sorted(lengths)
    assert block_length(8000, 0.5) == math.ceil(12000 ** (1 / 3) * (4 / 3) ** (2 / 3))
    assert block_length(20, 0.95) == 6  # never more than a third
    assert block_length(2, 0.9) == 1


def _inputs(n: int, sigma: float, seed: int) -> list[float]:
    """Return rounds of four inputs that differ far more than their samples do."""
    rng = np.random.default_rng(seed)
    return (np.tile([1.0, 2.0, 3.0, 5.0], n) * rng.lognormal(0.0, sigma, 4 * n)).tolist()


def test_what_inputs_differ_by_is_no_uncertainty() -> None:
    row = _inputs(30, 0.01, seed=0)
    assert median_of(row, 4) == pytest.approx(2.5, rel=0.01)
    assert relative_half_width(row, 4) < 0.005
    assert relative_half_width(row) > 0.1


def test_interval_over_inputs_covers() -> None:
    bounds = np.array([median_ci(_inputs(20, 0.05, seed), 4) for seed in range(400)])
    assert 0.9 <= np.mean((bounds[:, 0] <= 2.5) & (bounds[:, 1] >= 2.5)) <= 0.98


def test_too_few_rounds_bound_nothing() -> None:
    assert median_ci(_inputs(5, 0.01, seed=0), 4) == (0.0, math.inf)
    assert median_ci([2.0] * 24, 4) == (2.0, 2.0)


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


def test_thirds_tell_a_drift_and_how_sure_it_is() -> None:
    assert third_drift([1.0] * 8) == (0.0, math.inf)
    assert third_drift([1.0] * 3 + [5.0] * 3 + [1.02] * 3) == (pytest.approx(0.02), 0.0)
    rng = np.random.default_rng(0)
    drifts, errors = zip(
        *(third_drift(rng.lognormal(0.0, 0.02, 60).tolist()) for _ in range(500)), strict=True
    )
    assert np.std(drifts) == pytest.approx(np.median(errors), rel=0.15)
    assert np.mean(drifts) == pytest.approx(0.0, abs=0.001)
