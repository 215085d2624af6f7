"""Networks against finite differences, and what they can learn."""

import numpy as np
import pytest

from latency.estimator import network
from latency.estimator.jobs import carry_out
from latency.estimator.network import (
    COUNT,
    ENOUGH,
    ROUNDING,
    _begun,
    _gradients,
    _silu,
    fit_networks,
    share_of_epochs,
)


def loss(layers, inputs, aims, scale) -> float:
    state = inputs
    for weights, biases in zip(layers[:-2:2], layers[1:-2:2], strict=True):
        state = _silu(state @ weights + biases)[0]
    percentages = np.expm1(((state @ layers[-2] + layers[-1])[:, 0] - aims) * scale)
    return float(np.sqrt(percentages**2 + ROUNDING**2).mean())


def test_slopes_equal_finite_differences(monkeypatch):
    monkeypatch.setattr(network, "HIDDEN", (5, 4))
    rng = np.random.default_rng(0)
    layers = [layer.astype(np.float64) for layer in _begun(3, rng)]
    inputs, aims, scale, step = rng.normal(size=(7, 3)), rng.normal(size=7), 0.2, 1e-5
    slopes = _gradients(layers, inputs, aims, scale)
    assert [slope.shape for slope in slopes] == [layer.shape for layer in layers]
    for layer, slope in zip(layers, slopes, strict=True):
        place = tuple(size - 1 for size in layer.shape)
        around = []
        for move in (step, -step):
            layer[place] += move
            around.append(loss(layers, inputs, aims, scale))
            layer[place] -= move
        difference = (around[0] - around[1]) / (2 * step)
        assert scale * slope[place] == pytest.approx(difference, rel=1e-3, abs=1e-6)


def test_a_smooth_function_is_learned_and_errors_are_of_what_was_left_out(monkeypatch):
    monkeypatch.setattr(network, "HIDDEN", (16, 16))
    monkeypatch.setattr(network, "EPOCHS", 60)
    rng = np.random.default_rng(1)
    inputs = rng.uniform(-1, 1, size=(900, 2))
    values = 0.3 * np.sin(3 * inputs[:, 0]) * inputs[:, 1] - 2
    found, errors = carry_out(fit_networks(inputs[:700], values[:700], np.random.default_rng(2)))
    held = np.abs(found.predict(inputs[700:]) - values[700:]).mean()
    assert held < 0.25 * np.abs(values - np.median(values)).mean()
    assert held < 1.5 * np.abs(errors).mean()
    assert len(found.weights[0]) == COUNT


def test_percentages_are_least_at_the_faster_of_two(monkeypatch):
    monkeypatch.setattr(network, "HIDDEN", (4,))
    monkeypatch.setattr(network, "RATE", 0.03)  # the way from the median is long
    values = np.log(np.repeat([1.0, 3.0], [210, 390]))  # one shape, two tactics
    inputs = np.zeros((600, 1))
    found, _ = carry_out(fit_networks(inputs, values, np.random.default_rng(0)))
    tried = np.linspace(-0.1, 1.2, 131)
    percentages = [np.abs(np.expm1(guess - values)).mean() for guess in tried]
    assert found.predict(inputs[:1])[0] == pytest.approx(tried[np.argmin(percentages)], abs=0.1)


def test_equal_seeds_make_equal_networks_and_few_rows_are_enough(monkeypatch):
    monkeypatch.setattr(network, "HIDDEN", (4,))
    rng = np.random.default_rng(0)
    inputs, values = rng.normal(size=(20, 3)), rng.normal(size=20)
    one, other = (
        carry_out(fit_networks(inputs, values, np.random.default_rng(3)))[0] for _ in range(2)
    )
    assert np.array_equal(one.predict(inputs), other.predict(inputs))
    assert np.isfinite(one.predict(np.full((2, 3), 1e6))).all()
    assert one.predict(np.zeros((0, 3))).shape == (0,)


def test_large_tables_are_trained_for_fewer_epochs(monkeypatch):
    assert share_of_epochs(0) == share_of_epochs(ENOUGH) == 1.0
    assert share_of_epochs(4 * ENOUGH) == 0.25
    steps: list[int] = []
    gradients = network._gradients

    def counted(*given):
        steps.append(len(given[1]))
        return gradients(*given)

    monkeypatch.setattr(network, "HIDDEN", (4,))
    monkeypatch.setattr(network, "EPOCHS", 8)
    monkeypatch.setattr(network, "_gradients", counted)
    rng = np.random.default_rng(1)
    inputs, counts = rng.uniform(-1, 1, size=(100, 2)), []
    for share in (1.0, 0.25):
        steps.clear()
        carry_out(fit_networks(inputs, inputs[:, 0], np.random.default_rng(2), share))
        counts.append(len(steps))
    assert counts == [COUNT * 8 * 2, COUNT * 2 * 2]  # two batches of 32 in 80 modules
