"""Small neural networks, trained on percentages: what all modules have in common.

Trees and neighbours look at a module from nearby. A network draws one smooth function through all
modules and knows no neighbour, so it errs elsewhere: the mean of both errs less than either. It is
a multilayer perceptron (SiLU, arXiv 1702.03118) trained by Adam (arXiv 1412.6980) with decoupled
weight decay (arXiv 1711.05101) and a rate that falls along a cosine (arXiv 1608.03983). NumPy is
enough for its size, and lets the loss be the percentage itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from .jobs import Job, Plan

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Reals = npt.NDArray[np.floating[Any]]
Layers = list[Singles]  # weights (a, b) and biases (b,) in turn

HIDDEN = (96, 96, 96, 96, 96)
"""On V100 rows depth helps more than width: MAPE of two networks alone is 4.6 % with these, 4.9
with (128, 128, 64), 5.3 with (128, 64) (fp16, a fifth of the training part left out)."""

COUNT = 5
"""Networks, each trained on all but a fifth: their mean scatters less than one."""

EPOCHS, BATCHES = 120, 50
COST = 2.0  # of one module in one epoch, where one module in one tree costs 1
ENOUGH = 30_000
"""Modules of a table, all families together, beyond which epochs are fewer, so that training takes
no longer: a table of four batch sizes has three times the modules of one."""

SMALLEST, LARGEST_BATCH = 32, 256
"""An epoch is about 50 steps, on 32 to 256 modules each: small tables need as many as large."""

RATE, WARM = 3e-3, 0.05  # highest rate; share of all steps until it is reached
DECAY, FIRST, SECOND, TINY = 0.01, 0.9, 0.999, 1e-8  # of Adam
SPREAD = 1.5
"""Of initial weights, as variance times inputs: SiLU takes about a third of it away."""

ROUNDING = 0.03
"""Errors below 3 % count by their squares, above by themselves (pseudo-Huber)."""

LARGEST = 1.5  # errors of log(ms) beyond it pull like this one


@dataclass(frozen=True, slots=True)
class Networks:
    """Hold the layers of several networks.

    Attributes:
        weights: Of every layer ``(networks, inputs, outputs)``.
        biases: Of every layer ``(networks, outputs)``.
    """

    weights: tuple[Singles, ...]
    biases: tuple[Singles, ...]

    def predict(self, inputs: Floats) -> Floats:
        """Return the mean of all networks ``(n,)`` for inputs ``(n, width)``."""
        outputs = [self._one(inputs, number) for number in range(len(self.weights[0]))]
        return np.asarray(np.mean(outputs, axis=0), np.float64)

    def _one(self, inputs: Floats, number: int) -> Floats:
        state: Reals = inputs
        for weights, biases in zip(self.weights[:-1], self.biases[:-1], strict=True):
            state = _silu(state @ weights[number] + biases[number])[0]
        return np.asarray((state @ self.weights[-1][number] + self.biases[-1][number])[:, 0])


def share_of_epochs(modules: int) -> float:
    """Return the share of the usual epochs that a table of so many modules is trained for."""
    return min(1.0, ENOUGH / max(modules, 1))


def fit_networks(
    inputs: Floats, values: Floats, rng: np.random.Generator, share: float = 1.0
) -> Plan[tuple[Networks, Floats]]:
    """Plan to train :data:`COUNT` networks, each of which leaves out another part of the modules.

    Args:
        inputs: ``(n, width)``.
        values: Logarithms ``(n,)`` that are to be met.
        rng: Draws parts, beginnings and batches.
        share: Of the usual epochs, above 0 and at most 1.

    Returns:
        The networks, and by how much each value exceeds what the network that left it out says
        ``(n,)``.
    """
    part = rng.permutation(len(values)) % COUNT
    singles, errors = inputs.astype(np.float32), np.empty(len(values))
    epochs = max(1, round(share * EPOCHS))
    trained: list[Layers] = yield [
        Job(_trained, (singles, values, part != number, own, epochs), COST * len(values) * epochs)
        for number, own in enumerate(rng.spawn(COUNT))
    ]
    for number, layers in enumerate(trained):
        left = part == number
        errors[left] = values[left] - _joined([layers]).predict(inputs[left])
    return _joined(trained), errors


def _joined(trained: list[Layers]) -> Networks:
    stacked = [np.stack(layer) for layer in zip(*trained, strict=True)]
    return Networks(tuple(stacked[::2]), tuple(stacked[1::2]))


def _trained(
    inputs: Singles,
    values: Floats,
    seen: npt.NDArray[np.bool_],
    rng: np.random.Generator,
    epochs: int,
) -> Layers:
    """Train one network on the modules that it may see ``(n,)``."""
    inputs, values = inputs[seen], values[seen]
    middle = float(np.median(values))
    usual = float(np.median(np.abs(values - middle)))  # 0 where most values are equal
    scale = max(1.5 * usual, 0.25 * float(values.std()), 1e-6)
    aims = ((values - middle) / scale).astype(np.float32)
    layers = _begun(inputs.shape[1], rng)
    adam = _Adam.of(layers)
    size = min(int(np.clip(len(inputs) // BATCHES, SMALLEST, LARGEST_BATCH)), len(inputs))
    batches = len(inputs) // size
    for _ in range(epochs):
        order = rng.permutation(len(inputs))
        for number in range(batches):
            picked = order[number * size : (number + 1) * size]
            done = (adam.steps + 1) / (epochs * batches)
            rate = RATE * min(1.0, done / WARM) * 0.5 * (1.0 + np.cos(np.pi * done))
            adam.step(layers, _gradients(layers, inputs[picked], aims[picked], scale), rate)
    layers[-2], layers[-1] = layers[-2] * np.float32(scale), layers[-1] * np.float32(scale)
    layers[-1] += np.float32(middle)
    return layers


def _begun(width: int, rng: np.random.Generator) -> Layers:
    """Return random weights, so that outputs begin near zero."""
    layers: Layers = []
    sizes = (width, *HIDDEN, 1)
    for a, b in pairwise(sizes):
        weights = rng.standard_normal((a, b)) * np.sqrt(SPREAD / a)
        layers += [weights.astype(np.float32), np.zeros(b, np.float32)]
    layers[-2] *= np.float32(0.1)
    return layers


def _silu(x: Reals) -> tuple[Reals, Reals]:
    """Return x * sigmoid(x) and its slope."""
    sigmoid = 1.0 / (1.0 + np.exp(-np.maximum(x, -60.0)))
    value = x * sigmoid
    return value, sigmoid + value * (1.0 - sigmoid)


def _gradients(layers: Layers, inputs: Singles, aims: Singles, scale: float) -> Layers:
    """Return the slope of the mean loss along every layer (backpropagation)."""
    states, slopes = [inputs], []
    for weights, biases in zip(layers[:-2:2], layers[1:-2:2], strict=True):
        state, slope = _silu(states[-1] @ weights + biases)
        states.append(np.asarray(state, np.float32))
        slopes.append(slope)
    outputs = (states[-1] @ layers[-2] + layers[-1])[:, 0]
    pull = (_pull((outputs - aims) * scale) / len(aims))[:, None].astype(np.float32)
    found: Layers = []
    for depth in range(len(states) - 1, -1, -1):
        found += [pull.sum(0), states[depth].T @ pull]
        if depth:
            pull = np.asarray((pull @ layers[2 * depth].T) * slopes[depth - 1], np.float32)
    return found[::-1]


def _pull(errors: Singles) -> Singles:
    """Return the slope of the loss at errors of log(ms), predicted less measured ``(n,)``.

    A percentage is |u| with u = exp(error) - 1; the loss is sqrt(u^2 + ROUNDING^2).
    """
    ratio = np.exp(np.clip(errors, -LARGEST, LARGEST))
    u = ratio - 1.0
    return np.asarray(u / np.sqrt(u * u + ROUNDING**2) * ratio, np.float32)


@dataclass(slots=True)
class _Adam:
    """Hold moving means of slopes and of their squares."""

    means: Layers
    squares: Layers
    steps: int = 0

    @classmethod
    def of(cls, layers: Layers) -> _Adam:
        return cls([np.zeros_like(x) for x in layers], [np.zeros_like(x) for x in layers])

    def step(self, layers: Layers, slopes: Layers, rate: float) -> None:
        """Move the layers in place."""
        self.steps += 1
        first = np.float32(rate / (1.0 - FIRST**self.steps))
        second = np.float32(1.0 / (1.0 - SECOND**self.steps))
        for layer, mean, square, slope in zip(
            layers, self.means, self.squares, slopes, strict=True
        ):
            mean += np.float32(1.0 - FIRST) * (slope - mean)
            square += np.float32(1.0 - SECOND) * (slope * slope - square)
            if layer.ndim > 1:
                layer *= np.float32(1.0 - rate * DECAY)
            layer -= first * mean / (np.sqrt(square * second) + np.float32(TINY))
