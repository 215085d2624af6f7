import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import binom

from export.records.percentiles import percentile, percentile_ci, samples_for

Samples = st.lists(st.floats(0.1, 100), min_size=1, max_size=80)


def test_a_percentile_is_numpy_s() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile(range(101), 0.99) == pytest.approx(99.0)


@given(Samples, st.sampled_from([0.5, 0.9, 0.99]))
def test_the_interval_lies_between_order_statistics(samples: list[float], share: float) -> None:
    low, high = percentile_ci(samples, share)
    assert low == 0 or low in samples
    assert math.isinf(high) or high in samples
    assert low <= high
    assert low <= max(samples)


@pytest.mark.parametrize(("n", "share"), [(20, 0.5), (100, 0.9), (400, 0.99), (1500, 0.5)])
def test_the_ranks_hold_what_they_promise(n: int, share: float) -> None:
    """The binomial tails of another library, either side at most 2.5 %, and not needlessly so."""
    low, high = (int(end) for end in percentile_ci([float(i + 1) for i in range(n)], share))
    below = binom(n, share)
    assert below.cdf(low - 1) <= 0.025 < below.cdf(low)
    assert below.sf(high - 1) <= 0.025 < below.sf(high - 2)


def test_few_samples_do_not_bound_a_high_percentile() -> None:
    assert samples_for(0.99) == 368
    assert math.isinf(percentile_ci([1.0] * 367, 0.99)[1])
    assert percentile_ci([1.0] * 368, 0.99) == (1.0, 1.0)
    assert percentile_ci([5.0], 0.99) == (5.0, math.inf)  # 99 % of samples lie below it
    assert percentile_ci([5.0], 0.5) == (0.0, math.inf)


def test_intervals_cover_the_true_percentile() -> None:
    rng = np.random.default_rng(0)
    truth = -math.log(0.1)  # of an exponential distribution
    inside = [
        low <= truth <= high
        for low, high in (
            percentile_ci(rng.exponential(size=120).tolist(), 0.9) for _ in range(300)
        )
    ]
    assert np.mean(inside) >= 0.93
