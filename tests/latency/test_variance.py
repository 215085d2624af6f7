"""Pooled variances against the distributions that they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import polygamma

from latency.variance import RESOLUTION, _inverse_trigamma, from_scatter, moderated


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


def test_scatter_within_groups_is_found(rng):
    groups = ["a", "b"] * 200
    jump = np.tile([0.0, 0.3], 200)  # groups differ; that is no scatter
    values = jump + 0.01 * rng.standard_normal(400)
    own, least = np.full(400, 0.003**2), np.full(400, 1e-6)
    found = from_scatter(values, own, least, groups)
    assert found.of_ratio == pytest.approx(np.full(400, 0.01**2), rel=0.25)
    assert found.freedom[0] == pytest.approx(0.37 * 398)


def test_without_scatter_the_assumption_holds():
    own, least = np.full(3, 1e-4), np.full(3, 2e-4)
    for groups in (["a", "b", "c"], ["a", "a", "a"]):
        found = from_scatter(np.zeros(3), own, least, groups)
        assert found.of_ratio == pytest.approx(np.full(3, 3e-4))
