"""Own trees against scikit-learn's, with missing values, and damage."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from latency import PredictorError
from latency.estimator.trees import Forest, forest_of, join


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(500, 6))
    table[rng.random(table.shape) < 0.2] = np.nan
    values = (
        np.nan_to_num(table[:, 0]) * 3 + (np.nan_to_num(table[:, 3]) > 0.2) + rng.normal(size=500)
    )
    model = HistGradientBoostingRegressor(max_iter=40, min_samples_leaf=3, random_state=0)
    return model.fit(table, values), table


def test_sums_equal_scikit_learns_to_1e9(fitted):
    model, table = fitted
    rng = np.random.default_rng(1)
    fresh = rng.normal(size=(3000, 6)) * 2
    fresh[rng.random(fresh.shape) < 0.3] = np.nan
    for rows in (table, fresh, fresh[:1]):
        assert np.abs(forest_of(model).predict(rows) - model.predict(rows)).max() < 1e-9
    assert forest_of(model).predict(fresh[:0]).shape == (0,)


def test_joined_forests_give_the_mean(fitted):
    model, table = fitted
    other = HistGradientBoostingRegressor(max_iter=7, random_state=1).fit(table, table[:, 1] ** 0)
    both = join([forest_of(model), forest_of(other)])
    expected = (model.predict(table) + other.predict(table)) / 2
    assert both.predict(table) == pytest.approx(expected, abs=1e-9)


def test_renumbered_columns(fitted):
    model, table = fitted
    wide = np.full((len(table), 12), 7.0)
    places = np.array([11, 2, 5, 0, 7, 9])
    wide[:, places] = table
    assert np.array_equal(
        forest_of(model).renumbered(places).predict(wide), forest_of(model).predict(table)
    )


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("left", lambda a: a * 0),  # a circle
        ("right", lambda a: a + 10**6),
        ("feature", lambda a: np.where(a >= 0, 6, a)),
        ("threshold", lambda a: a[:-1]),
        ("value", lambda a: a + np.nan),
        ("roots", lambda a: a - 1),
        ("baseline", lambda a: a * np.inf),
    ],
)
def test_nodes_that_are_no_trees_are_refused(fitted, name, change):
    arrays = forest_of(fitted[0]).arrays()
    assert Forest.from_arrays(arrays, 6).predict(fitted[1]).shape == (500,)
    with pytest.raises(PredictorError, match="trees"):
        Forest.from_arrays({**arrays, name: change(arrays[name])}, 6)
    with pytest.raises(PredictorError, match=f"lack {name}"):
        Forest.from_arrays({k: v for k, v in arrays.items() if k != name}, 6)
