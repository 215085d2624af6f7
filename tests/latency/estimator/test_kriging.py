"""Local Gaussian processes against the textbook form, and their length scales."""

import numpy as np
import pytest

from latency.estimator.kriging import ALONG_AXES, DIRECT, NUGGET, Kriging, fit_kriging


def textbook(places, values, asked, scales):
    """Ordinary kriging with every measured value (Cressie 1993, eq. 3.2.12)."""
    a, b = places * scales, asked * scales
    between = np.exp(-np.abs(a[:, None] - a[None]).sum(2)) + NUGGET * np.eye(len(a))
    to = np.exp(-np.abs(a - b).sum(1))
    inverse, ones = np.linalg.inv(between), np.ones(len(a))
    level = ones @ inverse @ values / (ones @ inverse @ ones)
    return level + to @ inverse @ (values - level), 1 - to @ inverse @ to


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    places = rng.normal(size=(20, 3))
    return Kriging(places, rng.normal(size=20), np.array([1.0, 0.5, 2.0]))


def test_mean_and_variance_equal_the_textbooks(model):
    asked = np.random.default_rng(1).normal(size=(5, 3))
    mean, variance, distance = model.predict(asked)
    for row, place in enumerate(asked):
        expected = textbook(model.places, model.values, place, model.scales)
        assert (mean[row], variance[row]) == pytest.approx(expected)
        gaps = np.abs((model.places - place) * model.scales).sum(1)
        assert distance[row] == pytest.approx(gaps.min())


def test_left_out_values_do_not_predict_themselves(model):
    mean, _, distance = model.predict(model.places, leave_out=True)
    for row in range(20):
        rest = np.arange(20) != row
        expected, _ = textbook(
            model.places[rest], model.values[rest], model.places[row], model.scales
        )
        assert mean[row] == pytest.approx(expected)
    assert (distance > 0).all()


def test_equal_places_are_told_apart_when_left_out():
    places = np.zeros((40, 2))
    near = Kriging(places, np.arange(40.0), np.ones(2)).neighbours(places, leave_out=True)
    assert near.shape == (40, 32)
    assert not (near == np.arange(40)[:, None]).any()
    assert all(len(set(row)) == 32 for row in near.tolist())


def test_no_places_no_predictions(model):
    assert [part.shape for part in model.predict(np.zeros((0, 3)))] == [(0,)] * 3


def test_scales_find_the_axis_that_matters():
    rng = np.random.default_rng(0)
    places = rng.random((300, 2)) * 4
    found = fit_kriging(places, np.sin(3 * places[:, 0]), rng)
    assert found.scales[0] > 3 * found.scales[1]


def test_three_corners_of_a_rectangle_tell_the_fourth():
    corners = np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
    model = Kriging(corners, np.array([0.0, 3.0, 5.0]), np.full(2, 0.3))
    mean, _, _ = model.predict(np.ones((1, 2)))
    assert 5.2 < mean[0] < 8.0  # above both of its neighbours


def test_sums_of_axes_are_compared_along_them_and_oblique_waves_directly():
    rng = np.random.default_rng(0)
    cells = np.stack(np.meshgrid(np.arange(24.0), np.arange(24.0)), -1).reshape(-1, 2)
    rows, columns = rng.normal(size=(2, 24))
    additive = rows[cells[:, 0].astype(int)] + columns[cells[:, 1].astype(int)]
    assert fit_kriging(cells, additive, rng).order == ALONG_AXES
    places = 10 * rng.random((600, 2))
    oblique = np.sin(2 * (places[:, 0] + places[:, 1]))
    assert fit_kriging(places, oblique, rng).order == DIRECT
