"""Pooled variances against the distributions that they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import polygamma

from latency.comparing.variance import (
    RESOLUTION,
    _inverse_trigamma,
    from_scatter,
    moderated,
    unexplained,
)


@pytest.mark.parametrize("value", [1e-4, 0.1, 1.0, 20.0, 1e4])
def test_inverse_trigamma(value):
    assert polygamma(1, _inverse_trigamma(value)) == pytest.approx(value)


def test_a_common_variance_is_found(rng):
    squares = 0.02**2 * rng.chisquare(2, size=500)
    found = moderated(squares, np.full(500, 2.0))
    assert found.of_ratio == pytest.approx(np.full(500, 0.02**2), rel=0.5)
    assert np.median(found.of_ratio) == pytest.approx(0.02**2, rel=0.2)
    assert found.freedom.min() > 20


def test_the_distribution_of_variances_is_found(rng):
    prior_freedom, scale = 6.0, 0.01**2
    variances = scale * prior_freedom / rng.chisquare(prior_freedom, size=4000)
    squares = variances * rng.chisquare(4, size=4000)
    found = moderated(squares, np.full(4000, 4.0))
    assert found.freedom[0] - 4 == pytest.approx(prior_freedom, rel=0.15)
    expected = (prior_freedom * scale + squares) / (prior_freedom + 4)
    assert found.of_ratio == pytest.approx(expected, rel=0.15)


def test_one_telling_series_speaks_for_all():
    found = moderated(np.array([4e-4, 0.0]), np.array([2.0, 0.0]))
    assert found.of_ratio == pytest.approx([2e-4, 2e-4])
    assert list(found.freedom) == [2.0, 2.0]


def test_no_variance_is_below_the_resolution():
    variances = moderated(np.zeros(5), np.full(5, 2.0)).of_ratio
    assert (variances >= RESOLUTION**2).all()
    assert (variances < 4 * RESOLUTION**2).all()


def test_scatter_beyond_what_is_explained_is_found(rng):
    design = np.tile(np.eye(2), (200, 1))  # two groups, of which one changed
    values = design @ [0.0, 0.3] + 0.01 * rng.standard_normal(400)
    residuals, freedom = unexplained(values, design)
    assert freedom == 398
    own, least = np.full(400, 0.003**2), np.full(400, 1e-6)
    found = from_scatter(residuals, freedom, own, least)
    assert found.of_ratio == pytest.approx(np.full(400, 0.01**2), rel=0.25)
    assert found.freedom[0] == pytest.approx(0.37 * 398)


def test_residuals_keep_the_variance_that_a_fit_takes(rng):
    design = np.kron(np.eye(40), np.ones((3, 1)))  # forty means of three values each
    spreads = [unexplained(rng.standard_normal(120), design)[0].std() for _ in range(20)]
    assert np.mean(spreads) == pytest.approx(1.0, rel=0.05)


def test_a_few_large_changes_do_not_hide_the_scatter(rng):
    values = 0.01 * rng.standard_normal(200)
    values[:20] += 0.5
    residuals, _ = unexplained(values, np.ones((200, 1)))
    assert np.median(np.abs(residuals)) == pytest.approx(0.0067, rel=0.25)
    assert np.median(residuals[20:]) == pytest.approx(0.0, abs=0.002)


def test_values_that_a_fit_follows_wholly_are_left_out():
    residuals, freedom = unexplained(np.array([0.0, 0.1, 5.0]), np.array([[1, 0], [1, 0], [0, 1]]))
    assert residuals == pytest.approx([-0.05 * np.sqrt(2), 0.05 * np.sqrt(2)])
    assert freedom == 1


def test_without_scatter_the_assumption_holds():
    own, least = np.full(3, 1e-4), np.full(3, 2e-4)
    for freedom in (0.0, 2.0):
        found = from_scatter(np.zeros(3), freedom, own, least)
        assert found.of_ratio == pytest.approx(np.full(3, 3e-4))
