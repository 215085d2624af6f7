"""The bound that the next measurement keeps."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import t

from search.certification.bound import (
    FEWEST_BUILDS,
    OCCASION,
    OCCASION_FREEDOM,
    Spread,
    pooled_spread,
    upper_bound_ms,
)

TIMES = st.lists(st.floats(1.0, 1.2), min_size=FEWEST_BUILDS, max_size=8)


def test_the_bound_is_students_for_one_more_observation() -> None:
    logs = np.log([10.0, 10.5, 9.8, 10.1])
    own = float(np.std(logs, ddof=1))
    builds, occasions = own**2 * (1 + 1 / 4), 2 * OCCASION**2
    freedom = (builds + occasions) ** 2 / (builds**2 / 7 + occasions**2 / OCCASION_FREEDOM)
    margin = t.ppf(0.95, freedom) * math.sqrt(builds + occasions)
    expected = math.exp(logs.mean() + margin)
    found = upper_bound_ms([10.0, 10.5, 9.8, 10.1], Spread(0.001, 7), 0.95)
    assert found == pytest.approx(expected, rel=1e-9)


def test_scatter_is_pooled_around_each_detectors_own_middle() -> None:
    spread = pooled_spread([[10.0, 11.0], [200.0, 220.0, 210.0], [5.0], []])
    squares = sum(float(np.sum((np.log(x) - np.log(x).mean()) ** 2)) for x in (
        np.array([10.0, 11.0]), np.array([200.0, 220.0, 210.0])
    ))  # fmt: skip
    assert spread.freedom == 3
    assert spread.sd == pytest.approx(math.sqrt(squares / 3), rel=1e-12)


def test_builds_that_agree_by_chance_do_not_make_it_narrow() -> None:
    spread = pooled_spread([[10.0] * 5])
    assert spread == Spread(0.0, 4)
    expected = 10.0 * math.exp(t.ppf(0.975, OCCASION_FREEDOM) * OCCASION * math.sqrt(2))
    assert upper_bound_ms([10.0] * 5, spread) == pytest.approx(expected, rel=1e-9)


def test_too_few_builds_bound_nothing() -> None:
    assert pooled_spread([[10.0], [11.0]]).freedom == 0
    assert upper_bound_ms([10.0, 10.0], Spread(0.01, 9)) == math.inf
    assert upper_bound_ms([10.0] * 5, Spread(0.01, 0)) == math.inf


@given(times=TIMES, sd=st.floats(0.0, 0.1), freedom=st.integers(1, 40))
def test_it_is_above_what_was_seen_and_grows_with_scatter(
    times: list[float], sd: float, freedom: int
) -> None:
    bound = upper_bound_ms(times, Spread(sd, freedom))
    assert bound >= max(times)
    assert upper_bound_ms(times, Spread(sd + 0.01, freedom)) >= bound
    assert upper_bound_ms([2 * ms for ms in times], Spread(sd, freedom)) == pytest.approx(
        2 * bound
    )


def test_it_covers_a_next_measurement_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(4000):
        here, there = rng.normal(0.0, OCCASION, 2)
        visits = np.exp(here + rng.normal(0.0, 0.02, 5)).tolist()
        later = math.exp(there + rng.normal(0.0, 0.02))
        covered.append(later <= upper_bound_ms(visits, pooled_spread([visits])))
    assert 0.965 <= np.mean(covered) <= 0.995  # above 97.5 %: never below what was seen


def test_more_builds_do_not_average_the_occasion_out() -> None:
    many = upper_bound_ms([10.0] * 1000, Spread(0.0, 999), 0.975)
    assert many == pytest.approx(10.0 * math.exp(2.228 * OCCASION * math.sqrt(2)), rel=1e-4)
