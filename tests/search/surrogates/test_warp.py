"""Values drawn in, and back."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from search.surrogates.warp import Warp

tables = arrays(np.float64, st.integers(1, 20), elements=st.floats(-1e6, 1e6, width=32))


@given(tables)
def test_back_undoes_drawing_in(values: np.ndarray) -> None:
    warp = Warp.of(values)
    back, _ = warp.back(warp.draw_in(values), np.zeros(len(values)))
    scale = max(warp.scale, float(np.abs(values).max()))
    assert back == pytest.approx(values, rel=1e-9, abs=1e-9 * scale)


@given(tables)
def test_order_is_kept(values: np.ndarray) -> None:
    drawn = Warp.of(values).draw_in(np.sort(values))
    assert (np.diff(drawn) >= 0.0).all()


def test_the_middle_stays_and_the_ends_come_nearer() -> None:
    warp = Warp.of(np.array([45.0, 88.0, 89.0, 90.0, 91.0, 92.0, 93.0]))
    drawn = warp.draw_in(np.array([45.0, 89.0, 90.0, 91.0, 93.0]))
    assert drawn[2] == 0.0
    assert drawn[3] == -drawn[1]
    assert -4.0 < drawn[0] < -3.0  # 13 distances between quartiles


def test_a_deviation_is_that_of_many_draws() -> None:
    warp, rng = Warp(90.0, 2.0), np.random.default_rng(0)
    for mean in (-2.0, 0.0, 1.0):
        middle, deviation = warp.back(np.array([mean]), np.array([0.02]))
        draws, _ = warp.back(mean + 0.02 * rng.standard_normal(20_000), np.zeros(20_000))
        assert np.median(draws) == pytest.approx(middle[0], abs=1e-2)
        assert draws.std() == pytest.approx(deviation[0], rel=0.03)


@pytest.mark.parametrize("values", [[7.0], [7.0, 7.0, 7.0], [0.0] * 9 + [1.0]])
def test_values_without_a_middle_spread(values: list[float]) -> None:
    warp = Warp.of(np.array(values))
    assert warp.scale > 0.0
    assert np.isfinite(warp.draw_in(np.array(values))).all()
