"""Waves of tiles against times made of them."""

import numpy as np
import pytest

from latency.estimator.features import features, products
from latency.estimator.waves import COUNT, KERNELS, PROCESSORS, Waves
from tests.latency.estimator.device import conv

SPECS = [
    conv(a, b, side, kernel)
    for a in (64, 256)
    for b in (64, 128, 512)
    for side in (7, 10, 14, 20, 28, 40, 56, 80, 112, 160)
    for kernel in (1, 3, 5, 7)
]
TABLE = features(SPECS)


def one_kernel(high: int, wide: int) -> np.ndarray:
    """Milliseconds of a device with one kernel: 0.01 + whole waves * (K + 200) * 1e-5."""
    m, n, k, _ = products(TABLE)
    waves = np.ceil(np.ceil(m / high) * np.ceil(n / wide) / PROCESSORS)
    return 0.01 + waves * (k + 200) * 1e-5


def test_products_are_those_of_the_convolutions():
    m, n, k, moved = products(features([conv(32, 64, 14, 3, 2)]))
    assert (m[0], n[0], k[0]) == (49, 64, 288)
    assert moved[0] == pytest.approx(4 * (32 * 14 * 14 + 64 * 7 * 7 + 64 * 32 * 9 + 64))


@pytest.mark.parametrize("tile", [(128, 128), (128, 64)])
def test_waves_of_one_kernel_are_found(tile):
    log_ms = np.log(one_kernel(*tile))
    shown = np.arange(len(SPECS)) % 3 > 0
    found = Waves.fit(TABLE[shown], log_ms[shown], np.random.default_rng(0))
    error = np.abs(np.expm1(found.apply(TABLE[~shown]) - log_ms[~shown]))
    assert error.mean() < 0.05
    assert np.median(error) < 0.03


def test_the_fastest_kernel_counts():
    logs = np.zeros(COUNT)
    logs[KERNELS:] = -50.0  # no launch, no traffic, nothing to start
    logs[:KERNELS] = 40.0
    logs[0] = -5.0
    slow = Waves(logs).apply(TABLE)
    m, n, k, _ = products(TABLE)
    waves = np.ceil(np.ceil(m / 128) * np.ceil(n / 128) / PROCESSORS)
    assert slow == pytest.approx(np.log(waves * k) - 5.0)
    logs[1] = -9.0
    assert (Waves(logs).apply(TABLE) < slow).all()


def test_the_same_seed_finds_the_same():
    log_ms = np.log(one_kernel(128, 64))
    first, again = (Waves.fit(TABLE, log_ms, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first.logs, again.logs)
