"""Networks beside trees: shares and arrays."""

import numpy as np
import pytest

from latency import PredictorError
from latency.estimator import network
from latency.estimator.blend import Blend, train
from latency.estimator.features import COUNT
from latency.estimator.jobs import carry_out


@pytest.fixture
def parts(monkeypatch):
    monkeypatch.setattr(network, "HIDDEN", (16, 16))
    monkeypatch.setattr(network, "EPOCHS", 80)
    rng = np.random.default_rng(0)
    table, places = np.zeros((600, COUNT)), rng.uniform(-1, 1, size=(600, 2))
    return table, places, 0.5 * np.sin(2 * places[:, 0])


def test_networks_that_err_less_count_more(parts):
    table, places, values = parts
    rng = np.random.default_rng(1)
    trees = 0.8 * rng.normal(size=600)
    poor, errors = carry_out(train(table, places, values, rng)).beside(trees)
    assert poor is not None
    assert poor.share >= 0.9
    assert np.abs(errors).mean() < 0.1
    said = poor.mix(np.full(600, 7.0), np.full(600, 3.0), table, places)
    expected = (1 - poor.share) * 7 + poor.share * (3 + values)
    assert np.abs(said - expected).mean() < 0.1
    exact, errors = carry_out(train(table, places, values, rng)).beside(np.zeros(600))
    assert exact is None
    assert not errors.any()


def test_errors_that_have_nothing_in_common_are_averaged(parts):
    table, places, values = parts
    rng = np.random.default_rng(2)
    noisy = values + 0.05 * rng.normal(size=600)
    trees = 0.05 * rng.normal(size=600)
    found, errors = carry_out(train(table, places, noisy, rng)).beside(trees)
    assert found is not None
    assert 0.1 < found.share < 0.9
    assert np.abs(np.expm1(-errors)).mean() < 0.04 * np.exp(0.05**2)


def test_arrays_round_trip_and_damage(parts):
    table, places, values = parts
    found, _ = carry_out(train(table, places, values, np.random.default_rng(1))).beside(
        np.ones(600)
    )
    assert found is not None
    arrays = found.arrays()
    again = Blend.from_arrays(arrays, 2)
    assert again.same_as(found)
    assert np.array_equal(
        again.mix(values, values, table, places), found.mix(values, values, table, places)
    )
    for change, message in (
        ({"share": np.array(1.5)}, "do not fit one another"),
        ({"counts": np.array([1.0, 2.0])}, "do not fit one another"),
        ({"centre": np.zeros(3)}, "do not fit one another"),
        ({"biases1": np.zeros((5, 3), np.float32)}, "layers do not fit"),
        ({"weights0": np.zeros((5, 3, 16), np.float32)}, "layers do not fit"),
        ({"weights1": np.full((5, 16, 16), np.nan)}, "'weights1' must hold finite numbers"),
        ({"weights2": np.zeros((5, 16, 2)), "biases2": np.zeros((5, 2))}, "1 output, got 2"),
    ):
        with pytest.raises(PredictorError, match=message):
            Blend.from_arrays({**arrays, **change}, 2)
    with pytest.raises(PredictorError, match="lack share"):
        Blend.from_arrays({k: v for k, v in arrays.items() if k != "share"}, 2)
    with pytest.raises(PredictorError, match="lack layers"):
        Blend.from_arrays({k: arrays[k] for k in ("share", *found.encoding.arrays())}, 2)
