"""The model of results of several fidelities: what cheap ones add, and what they cannot spoil."""

import numpy as np
import numpy.typing as npt
import pytest

from search.surrogates import Chain, GaussianProcess, Level, TreeEnsemble, choose_parameters
from search.surrogates.autoregressive import Autoregressive
from search.surrogates.chain import last_milestone

Floats = npt.NDArray[np.float64]
NOBODY = np.zeros((0, 3))
LIMIT = 500


def true(rows: Floats) -> Floats:
    """Bend too much for eight values to tell."""
    a, b, c = rows.T
    return np.asarray(np.sin(3 * a) + 2 * b * c + a)


def drawn(seed: int, cheap: int = 60, dear: int = 8, noise: float = 0.0) -> list[Level]:
    """Return results at a tenth, a scaled and shifted image of the truth, and whole ones."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-1, 1, (cheap, 3))
    image = 0.5 * true(rows) + 0.3 * rows[:, 0] - 4.0 + rng.normal(0.0, noise, cheap)
    return [Level(0.1, rows, image), Level(1.0, rows[:dear], true(rows[:dear]))]


def error(levels: list[Level]) -> float:
    """Return the root of the mean square error far from what was evaluated."""
    rows = np.random.default_rng(99).uniform(-1, 1, (200, 3))
    means, _ = Chain(LIMIT, 0).model(levels).predict(rows, NOBODY)
    return float(np.sqrt(np.mean(np.square(means - true(rows)))))


@pytest.mark.parametrize("seed", range(3))
def test_cheap_results_teach(seed: int) -> None:
    cheap, whole = drawn(seed)
    assert error([cheap, whole]) < 0.5 * error([whole])


@pytest.mark.parametrize("seed", range(3))
def test_random_numbers_spoil_little(seed: int) -> None:
    cheap, whole = drawn(seed, dear=20)
    lie = np.random.default_rng(seed + 70).normal(0.0, 1.0, len(cheap.values))
    assert error([Level(0.1, cheap.rows, lie), whole]) < 1.5 * error([whole])


def test_whole_results_alone_are_modelled_as_ever() -> None:
    _, whole = drawn(0, dear=29)  # a milestone
    parameters = choose_parameters(whole.rows, whole.values)
    plain = GaussianProcess(whole.rows, whole.values, parameters)
    model = Chain(LIMIT, 0).model([whole])
    rows = drawn(1)[0].rows
    for one, other in zip(
        model.predict(rows, rows[:2]), plain.predict(rows, rows[:2]), strict=True
    ):
        assert np.array_equal(one, other)


def test_the_results_alone_decide_whenever_a_model_was_made() -> None:
    """A resumed run makes no model of the past, and must go on as if it had."""
    cheap, whole = drawn(0, cheap=40, dear=12, noise=0.2)
    often, once = Chain(LIMIT, 0), Chain(LIMIT, 0)
    for count in range(4, 13):
        model = often.model([cheap.first(3 * count), whole.first(count)])
    again = once.model([cheap.first(36), whole])
    rows = drawn(1)[0].rows
    for one, other in zip(model.predict(rows, NOBODY), again.predict(rows, NOBODY), strict=True):
        assert np.array_equal(one, other)


def test_too_few_cheap_results_are_left_out() -> None:
    cheap, whole = drawn(0)
    chain = Chain(LIMIT, 0)
    assert isinstance(chain.model([cheap.first(3), whole]), GaussianProcess)
    assert isinstance(chain.model([cheap.first(4), whole]), Autoregressive)


def test_beyond_a_limit_trees_are_the_model_of_a_level() -> None:
    cheap, whole = drawn(0)
    model = Chain(20, 0).model([cheap, whole])
    assert isinstance(model, Autoregressive)
    assert isinstance(model.cheap, TreeEnsemble)
    assert isinstance(model.difference, GaussianProcess)


def test_three_levels_are_chained() -> None:
    cheap, whole = drawn(0, dear=30)
    middle = Level(0.3, whole.rows, whole.values + 0.1 * whole.rows[:, 1])
    model = Chain(LIMIT, 0).model([cheap, middle, whole.first(8)])
    assert isinstance(model, Autoregressive)
    assert isinstance(model.cheap, Autoregressive)
    assert error([cheap, middle, whole.first(8)]) < error([whole.first(8)])


def test_models_are_fitted_anew_at_few_numbers_of_results() -> None:
    milestones = {last_milestone(count) for count in range(4, 1001)}
    assert len(milestones) < 45
    assert {last_milestone(n) for n in (4, 5, 6)} == {4, 5, 6}
    assert all(last_milestone(n) <= n < 1.2 * last_milestone(n) + 1 for n in range(4, 1001))
