"""The ensemble of trees."""

import numpy as np
import pytest

from search.surrogates import TreeEnsemble


def data(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    features = np.random.default_rng(seed).uniform(size=(count, 6))
    return features, 5.0 * features[:, 0] + np.square(features[:, 1]) + 60.0


def test_it_learns_and_doubts_more_where_it_knows_less() -> None:
    features, values = data(400, seed=0)
    low = features[:, 0] < 0.6
    model = TreeEnsemble(features[low], values[low], seed=0)
    new, truth = data(300, seed=1)
    means, deviations = model.predict(new, new[:0])
    inside = new[:, 0] < 0.6
    assert np.abs(means - truth)[inside].mean() < 0.25 * truth.std()
    assert (deviations >= 0.02 * values[low].std()).all()


def test_its_votes_are_those_of_scikit_learn() -> None:
    from sklearn.ensemble import ExtraTreesRegressor

    features, values = data(200, seed=2)
    model = TreeEnsemble(features, values, seed=3)
    other = ExtraTreesRegressor(
        100, min_samples_leaf=2, max_features=0.5, bootstrap=True, random_state=3
    ).fit(features, values)
    new, _ = data(50, seed=4)
    assert model.predict(new, new[:0])[0] == pytest.approx(other.predict(new), rel=1e-9)


def test_equal_seeds_give_equal_trees_and_global_randomness_is_left_alone() -> None:
    features, values = data(100, seed=5)
    before = np.random.get_state(legacy=False)["state"]["key"].tolist()
    one, two, other = (TreeEnsemble(features, values, seed) for seed in (1, 1, 2))
    new, _ = data(20, seed=6)
    assert one.predict(new, new[:0])[0].tolist() == two.predict(new, new[:0])[0].tolist()
    assert one.predict(new, new[:0])[0].tolist() != other.predict(new, new[:0])[0].tolist()
    assert before == np.random.get_state(legacy=False)["state"]["key"].tolist()
