"""Expected hypervolume improvement: Monte Carlo, high precision, and what must hold anyway."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import erfc

from search import Objective, hypervolume
from search.surrogates.acquisition import log_ehvi, log_improvement, strips

COST, VALUE = Objective("cost", "min"), Objective("value", "min")
REFERENCE = (10.0, 10.0)
points = st.floats(0.0, 10.0, width=16)
fronts = st.integers(0, 8).flatmap(lambda n: arrays(np.float64, (n, 2), elements=points))


def added(front: np.ndarray, cost: float, value: float) -> float:
    """Return the hypervolume that one certain point adds, by moocore."""
    before = hypervolume(front, (COST, VALUE), REFERENCE)
    return hypervolume([*front.tolist(), [cost, value]], (COST, VALUE), REFERENCE) - before


# --- the improvement of one normal variable


def test_improvement_near_the_target() -> None:
    z = np.linspace(-5.0, 8.0, 40)
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    exact = density + z * 0.5 * erfc(-z / math.sqrt(2.0))
    assert log_improvement(z) == pytest.approx(np.log(exact), rel=1e-9)


@pytest.mark.parametrize("z", [-1.0, -1.5, -10.0, -37.0, -100.0, -1e4, -9e5, -2e6, -1e8])
def test_improvement_far_from_the_target(z: float) -> None:
    """Log h(z) = -z^2/2 - log(2 pi)/2 - 2 log|z| - 3/z^2 + ...: bounds by truncation."""
    lower = -0.5 * z * z - 0.5 * math.log(2.0 * math.pi) - 2.0 * math.log(abs(z))
    found = float(log_improvement(z))
    if z > -10.0:
        h = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi) + z * 0.5 * math.erfc(
            -z / math.sqrt(2.0)
        )
        assert found == pytest.approx(math.log(h), rel=1e-12)
    else:
        terms = (-3.0, 15.0, -105.0, 945.0, -10395.0)
        series = math.log1p(sum(term / z ** (2 * power) for power, term in enumerate(terms, 1)))
        assert found - lower == pytest.approx(series, abs=2e-6 + abs(lower) * 1e-14)


def test_improvement_rises_without_jumps_where_formulas_meet() -> None:
    for meeting in (-1.0, -1e6):
        step = np.float64(meeting) * 1e-9
        below, at, above = log_improvement([meeting + step, meeting, meeting - step])
        assert below <= at <= above
        slope = -meeting if meeting < -2 else 1.0
        assert above - below == pytest.approx(0.0, abs=1e-7 * max(1.0, slope * abs(meeting) * 0.1))


@given(st.floats(-1e7, 1e3), st.floats(1e-6, 1e3))
def test_improvement_is_rising_and_finite(z: float, step: float) -> None:
    low, high = log_improvement([z, z + step])
    assert math.isfinite(low)
    assert low <= high


# --- a front


def test_strips_of_a_front() -> None:
    borders, heights = strips([[3.0, 1.0], [1.0, 4.0], [2.0, 5.0], [2.0, 3.0]], (6.0, 8.0))
    assert borders.tolist() == [-np.inf, 1.0, 2.0, 3.0, 6.0]
    assert heights.tolist() == [8.0, 4.0, 3.0, 1.0]
    nothing = strips(np.zeros((0, 2)), (6.0, 8.0))
    assert (nothing[0].tolist(), nothing[1].tolist()) == ([-np.inf, 6.0], [8.0])


@given(fronts, points, points)
def test_without_doubt_it_is_the_hypervolume_added(
    front: np.ndarray, cost: float, value: float
) -> None:
    found = math.exp(log_ehvi([cost], [value], [0.0], front, REFERENCE)[0])
    assert found == pytest.approx(added(front, cost, value), rel=1e-9, abs=1e-9)


@settings(max_examples=25)
@given(fronts, points, points, st.floats(0.05, 5.0))
def test_with_doubt_it_is_the_mean_of_many_draws(
    front: np.ndarray, cost: float, mean: float, deviation: float
) -> None:
    draws = mean + deviation * np.random.default_rng(0).standard_normal(20_000)
    borders, heights = strips(front, REFERENCE)
    widths = np.maximum(0.0, borders[1:] - np.maximum(borders[:-1], cost))
    gains = (widths * np.maximum(0.0, heights - draws[:, None])).sum(axis=1)
    found = math.exp(log_ehvi([cost], [mean], [deviation], front, REFERENCE)[0])
    error = 5.0 * gains.std() / math.sqrt(len(draws)) + 1e-3
    assert found == pytest.approx(float(gains.mean()), abs=error)
    for value in draws[:3]:  # the draws' gains are hypervolumes
        single = float((widths * np.maximum(0.0, heights - value)).sum())
        if value < REFERENCE[1]:
            assert single == pytest.approx(added(front, cost, float(value)), abs=1e-9)


@given(fronts, points, points, st.floats(0.0, 5.0))
def test_what_is_cheaper_better_or_less_sure_adds_no_less(
    front: np.ndarray, cost: float, mean: float, deviation: float
) -> None:
    def gain(c: float, m: float, s: float) -> float:
        return float(log_ehvi([c], [m], [s], front, REFERENCE)[0])

    own, slack = gain(cost, mean, deviation), 1e-9
    assert gain(cost - 0.5, mean, deviation) >= own - slack
    assert gain(cost, mean - 0.5, deviation) >= own - slack
    assert gain(cost, mean, deviation + 0.5) >= own - slack


@given(fronts, points, points, points, st.floats(0.01, 5.0))
def test_a_larger_front_leaves_no_more_to_add(
    front: np.ndarray, cost: float, value: float, mean: float, deviation: float
) -> None:
    larger = np.vstack((front, [[cost, value]]))
    before = log_ehvi([3.0], [mean], [deviation], front, REFERENCE)[0]
    assert log_ehvi([3.0], [mean], [deviation], larger, REFERENCE)[0] <= before + 1e-9


@given(fronts, points, points, st.floats(0.01, 5.0), st.floats(0.1, 10.0), st.floats(0.1, 10.0))
def test_units_only_scale_the_area(
    front: np.ndarray, cost: float, mean: float, deviation: float, a: float, b: float
) -> None:
    own = log_ehvi([cost], [mean], [deviation], front, REFERENCE)[0]
    corner = (a * REFERENCE[0], b * REFERENCE[1])
    scaled = log_ehvi([a * cost], [b * mean], [b * deviation], front * [a, b], corner)[0]
    if math.isfinite(own):
        assert scaled == pytest.approx(own + math.log(a * b), abs=1e-6)
    else:
        assert not math.isfinite(scaled)


def test_far_candidates_still_differ() -> None:
    """Sixty standard deviations away the expectation itself underflows."""
    gains = log_ehvi([5.0, 5.0], [9.0, 9.1], [0.05, 0.05], [[4.0, 1.0]], REFERENCE)
    assert np.isfinite(gains).all()
    assert gains[0] > gains[1]
    assert np.exp(gains).tolist() == [0.0, 0.0]


def test_beyond_the_reference_nothing_is_added() -> None:
    assert log_ehvi([10.0, 11.0], [0.0, 0.0], [1.0, 0.0], [[1.0, 1.0]], REFERENCE).tolist() == [
        -math.inf,
        -math.inf,
    ]


def test_an_empty_front_and_no_candidates() -> None:
    none: Any = np.zeros((0, 2))
    assert log_ehvi([], [], [], none, REFERENCE).shape == (0,)
    assert math.exp(log_ehvi([4.0], [7.0], [0.0], none, REFERENCE)[0]) == pytest.approx(18.0)
