"""Features by hand, and for every module that there is."""

import numpy as np
import pytest

from latency.estimator.features import BASE, COUNT, features, trend, work
from searchspaces import SPACES, make_space
from tests.latency.estimator.device import conv


def test_sizes_of_a_convolution_by_hand():
    row = np.exp(trend(features([conv(32, 64, 14, 3, 2)]))[0])
    by_name = dict(zip(BASE, row, strict=True))
    assert by_name["macs"] == pytest.approx(7 * 7 * 64 * 32 * 9)
    assert by_name["in_bytes"] == pytest.approx(4 * 32 * 14 * 14)
    assert by_name["out_bytes"] == pytest.approx(4 * 64 * 7 * 7)
    assert (by_name["m"], by_name["n"], by_name["k"]) == pytest.approx((49, 64, 32 * 9))
    assert by_name["weight_bytes"] == pytest.approx(4 * (64 * 32 * 9 + 64))


@pytest.mark.parametrize("name", SPACES)
def test_every_module_has_finite_features(name):
    space = make_space(name)
    rng = np.random.default_rng(0)
    specs = [spec for spec, _ in space.detector(space.sample(rng)).modules()]
    table = features(specs)
    assert table.shape == (len(specs), COUNT)
    assert np.isfinite(table).all()
    assert np.isfinite(work(specs)).all()


def test_no_modules_no_features():
    assert features([]).shape == (0, COUNT)
    assert work([]).shape == (0,)
