"""Trends with and without rates of kernels."""

import numpy as np
import pytest

from latency.estimator.features import features
from latency.estimator.trend import MIN_FOR_WAVES, Trend
from tests.latency.estimator.device import conv, grid, true_ms


@pytest.mark.parametrize(("every", "most"), [(1, 0.2), (8, 0.3)])
def test_times_grow_as_measured(every, most):
    specs = grid()[::every]
    table, log_ms = features(specs), np.log([true_ms(spec) for spec in specs])
    found = Trend.fit(specs, table, log_ms, np.random.default_rng(0))
    assert (found.waves is not None) == (len(specs) >= MIN_FOR_WAVES)
    error = np.abs(found.apply(specs, table) - log_ms)
    assert error.mean() < most
    larger = [conv(256, 256, 200, 5)]
    assert found.apply(larger, features(larger))[0] > log_ms.max()
