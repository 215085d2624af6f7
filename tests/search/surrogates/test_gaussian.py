"""The Gaussian process: scikit-learn's own posterior, and what conditioning must do."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor

from search.surrogates import GaussianProcess, Parameters, choose_parameters
from search.surrogates.gaussian import _JITTER, MOST_CHOSEN_ON, _sklearn_kernel
from search.surrogates.warp import Warp

NONE = np.zeros((0, 5))


def data(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.integers(3, size=(count, 5)).astype(float)
    values = features @ [3.0, 1.0, 0.5, 0.0, -1.0] + np.sin(features[:, 0] * features[:, 1])
    return features, values + 70.0


def fitted(count: int) -> GaussianProcess:
    features, values = data(count)
    return GaussianProcess(features, values, choose_parameters(features, values))


def test_the_posterior_is_scikit_learns() -> None:
    features, values = data(40)
    new, _ = data(30, seed=1)
    unit = np.sqrt(5)
    kernel = _sklearn_kernel(5, unit, (0.7, 1.3, 1e-2))
    centre, scale = features.mean(axis=0), features.std(axis=0)
    other = GaussianProcessRegressor(kernel, alpha=_JITTER, optimizer=None)
    warp = Warp.of(values)
    seen = warp.draw_in(values)
    other.fit((features - centre) / scale, (seen - seen.mean()) / seen.std())
    means, deviations = other.predict((new - centre) / scale, return_std=True)
    inside = seen.mean() + seen.std() * means
    own = GaussianProcess(features, values, Parameters(1.0, 0.7, 1.3, 1e-2))
    found, doubt = own.predict(new, NONE)
    assert found == pytest.approx(warp.back(inside, deviations)[0], rel=1e-9)
    unit = warp.back(inside, np.full(30, seen.std()))[1]
    noisy = np.sqrt(np.square(doubt / unit) + 1e-2)
    assert noisy == pytest.approx(deviations, rel=1e-6)


def test_pending_points_count_as_known_at_their_means() -> None:
    model = fitted(30)
    pending, new = data(6, seed=2)[0], data(25, seed=3)[0]
    believed, _ = model.predict(pending, NONE)
    means, deviations = model.predict(new, pending)
    told = GaussianProcess(
        np.vstack((model.features, pending)), np.r_[model.values, believed], model.parameters
    )
    told.__dict__.update(_scales=model._scales, _level=model._level, _warp=model._warp)
    theirs = told.predict(new, NONE)
    assert means == pytest.approx(model.predict(new, NONE)[0], rel=1e-12)
    assert means == pytest.approx(theirs[0], rel=1e-6)
    assert deviations == pytest.approx(theirs[1], rel=1e-4, abs=1e-6)
    assert (deviations <= model.predict(new, NONE)[1] + 1e-12).all()


def test_doubt_is_least_where_something_is_known() -> None:
    model = fitted(30)
    _, known = model.predict(model.features, NONE)
    _, far = model.predict(model.features + 40.0, NONE)
    assert known.max() < far.min()


def test_it_learns() -> None:
    model = fitted(60)
    features, values = data(200, seed=5)
    means, deviations = model.predict(features, NONE)
    assert np.abs(means - values).mean() < 0.25 * values.std()
    inside = np.abs(means - values) <= 2.0 * deviations
    assert inside.mean() > 0.8


def test_parameters_are_the_same_each_time_and_of_a_bounded_number() -> None:
    features, values = data(3 * MOST_CHOSEN_ON)
    assert choose_parameters(features, values) == choose_parameters(features, values)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_few_equal_or_constant_points(count: int) -> None:
    features = np.ones((count, 5))
    model = GaussianProcess(features, np.full(count, 7.0), Parameters(1.0, 1.0, 1.0, 1e-6))
    means, deviations = model.predict(np.vstack((features, features + 1)), features)
    assert means == pytest.approx(7.0)
    assert np.isfinite(deviations).all()
    assert (deviations > 0.0).all()
    found = choose_parameters(features, np.full(count, 7.0))
    assert np.isfinite([found.linear, found.smooth, found.length, found.noise]).all()
