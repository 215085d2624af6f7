"""Dear values by cheap ones, in closed form."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st

from search.surrogates.autoregressive import Autoregressive, scale_of

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Known:
    """Say the same of everything; of what is pending, by how much it lessens the doubt."""

    mean: float
    deviation: float

    def predict(self, features: Floats, pending: Floats) -> tuple[Floats, Floats]:
        ones = np.ones(len(features))
        return self.mean * ones, self.deviation / (1 + len(pending)) * ones


def test_means_add_up_and_doubts_are_independent() -> None:
    model = Autoregressive(Known(10.0, 1.5), 2.0, Known(0.5, 4.0))
    means, deviations = model.predict(np.zeros((3, 2)), np.zeros((0, 2)))
    assert means.tolist() == [20.5] * 3
    assert deviations.tolist() == [5.0] * 3
    assert model.predict(np.zeros((1, 2)), np.zeros((1, 2)))[1].tolist() == [2.5]


@given(st.integers(5, 30), st.floats(0.5, 5.0), st.integers(0, 2**32 - 1))
def test_the_scale_is_that_of_least_squares(count: int, slope: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    below = 50.0 + 3.0 * rng.permutation(count)
    values = slope * below + rng.normal(7.0, 0.1, count)
    expected = float(np.polyfit(below - below.mean(), values, 1)[0])
    assert scale_of(below, values) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_what_tells_nothing_counts_nothing() -> None:
    rising = np.arange(9.0)
    assert scale_of(np.full(9, 5.0), rising) == 0.0
    assert scale_of(rising, np.full(9, 5.0)) == 0.0
    assert scale_of(rising, -rising) == 0.0, "worse where it is better: the rung lies"
    assert scale_of(rising[:4], rising[:4]) == 0.0, "too few to be sure of anything"
    noise = np.random.default_rng(0).normal(0.0, 1.0, (200, 2, 20))
    assert np.mean([scale_of(*pair) > 0.0 for pair in noise]) < 0.05
