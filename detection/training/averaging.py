"""The running average of weights, which often detects better than the last ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Hold the exponential moving average of a module's parameters and buffers.

    Source: Polyak averaging as in TensorFlow's ``ExponentialMovingAverage``, whose start it
    shares: at step t no more than ``(1 + t) / (10 + t)`` of the average stays, so that the drawn
    weights are soon forgotten.

    Args:
        root: What is averaged; it is not changed.
        decay: How much of the average stays at a step, 0..1.
    """

    def __init__(self, root: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values: dict[str, Tensor] = {k: v.clone() for k, v in root.state_dict().items()}

    @torch.no_grad()
    def update(self, root: nn.Module, step: int) -> None:
        """Move the average towards the weights after a step, counted from 0."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        for name, value in root.state_dict().items():
            if value.is_floating_point():
                self.values[name].lerp_(value, weight)
            else:  # counters
                self.values[name].copy_(value)

    def load(self, values: dict[str, Tensor]) -> None:
        """Take an average that was saved: the same names and shapes, on any device."""
        for name, value in self.values.items():
            value.copy_(values[name])

    def write(self, root: nn.Module) -> None:
        """Give a module the averaged weights."""
        root.load_state_dict(self.values)


@contextmanager
def averaged(root: nn.Module, average: WeightAverage | None) -> Iterator[None]:
    """Give a module the averaged weights meanwhile, where there is an average."""
    if average is None:
        yield
        return
    own = {name: value.clone() for name, value in root.state_dict().items()}
    average.write(root)
    try:
        yield
    finally:
        root.load_state_dict(own)
