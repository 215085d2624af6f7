"""Normalisation statistics of one path, computed anew.

A supernet's running statistics mix those of all paths; each path needs its own before it is
evaluated, and they must not depend on what was evaluated before (DetNAS, sec. 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from searchspaces import Architecture

from .detector import Detector
from .errors import TrainingError
from .supernet import Supernet

Score = TypeVar("Score")


def recalibrate_bn(detector: Detector, batches: Iterable[Tensor]) -> None:
    """Replace the running statistics of every batch normalisation by true averages.

    Mean and unbiased variance are those of all values that the layer sees over all batches, as
    fvcore's precise batch normalisation has them: no momentum, every value with the same weight,
    so that order and sizes of the batches do not matter to the averages. Within a batch, layers
    normalise by that batch, as in training; batches should therefore have at least two images
    and equal sizes. Nothing else changes: weights, momenta and modes stay.

    Args:
        detector: Its statistics are replaced.
        batches: Normalised images ``(b, 3, h, w)`` on the detector's device.

    Raises:
        TrainingError: There is no batch, or no box in any of them for layers that run on boxes;
            the statistics are then as they were.
    """
    layers = [m for m in detector.modules() if isinstance(m, _BatchNorm) and _has_statistics(m)]
    moments = {id(layer): _Moments() for layer in layers}
    with _collecting(detector, layers, moments), torch.no_grad():
        for images in batches:
            detector.update_statistics(images)
    unseen = [layer for layer in layers if not moments[id(layer)].count]
    if unseen:
        raise TrainingError(
            f"{len(unseen)} of {len(layers)} normalisation layers saw no values; recalibration "
            "needs at least one batch of images, and a box in one of them where layers run on "
            "boxes"
        )
    for layer in layers:
        moments[id(layer)].write(layer)


def score_path(
    supernet: Supernet,
    arch: Architecture,
    batches: Iterable[Tensor],
    evaluate: Callable[[Detector], Score],
) -> Score:
    """Score one path with its own statistics, leaving the supernet as it is.

    Scoring A, B and A again gives A's score twice.

    Args:
        supernet: Trained.
        arch: The path.
        batches: Images for the statistics; an iterable that starts anew for each path.
        evaluate: Scores a detector in evaluation mode.
    """
    detector = supernet.extract(arch)
    recalibrate_bn(detector, batches)
    return evaluate(detector.eval())


@dataclass
class _Moments:
    """Count, mean and sum of squared deviations of a growing set of values, per channel."""

    count: int = 0
    mean: Tensor | float = 0.0
    deviation: Tensor | float = 0.0

    def add(self, count: int, mean: Tensor, variance: Tensor) -> None:
        """Merge another set (Chan, Golub and LeVeque 1983, eq. 2.1)."""
        mean, total = mean.double(), self.count + count
        shift = mean - self.mean
        inside = variance.double() * (count - 1)
        self.deviation = self.deviation + inside + shift**2 * (self.count * count / total)
        self.mean = self.mean + shift * (count / total)
        self.count = total

    def write(self, layer: _BatchNorm) -> None:
        """Store mean and unbiased variance in the layer."""
        mean, variance = layer.get_buffer("running_mean"), layer.get_buffer("running_var")
        mean.copy_(torch.as_tensor(self.mean))
        variance.copy_(torch.as_tensor(self.deviation) / max(self.count - 1, 1))


@contextmanager
def _collecting(
    detector: Detector, layers: list[_BatchNorm], moments: dict[int, _Moments]
) -> Iterator[None]:
    """Let layers hand their batch statistics to `moments`; afterwards restore all but these."""

    def collect(layer: nn.Module, inputs: tuple[Any, ...], _: Any) -> None:
        values: Tensor = inputs[0]
        mean, variance = layer.get_buffer("running_mean"), layer.get_buffer("running_var")
        moments[id(layer)].add(values.numel() // values.shape[1], mean, variance)

    modes = [(module, module.training) for module in detector.modules()]
    momenta = [layer.momentum for layer in layers]
    saved = [{k: v.clone() for k, v in layer.named_buffers()} for layer in layers]
    handles = [layer.register_forward_hook(collect) for layer in layers]
    try:
        detector.eval()
        for layer in layers:
            layer.train()
            layer.reset_running_stats()
            layer.momentum = 1.0  # running statistics become the last batch's own
        yield
    finally:
        for handle in handles:
            handle.remove()
        for layer, momentum, buffers in zip(layers, momenta, saved, strict=True):
            layer.momentum = momentum
            for name, value in buffers.items():
                layer.get_buffer(name).copy_(value)
        for module, training in modes:
            module.training = training


def _has_statistics(layer: _BatchNorm) -> bool:
    return layer.track_running_stats and layer.running_mean is not None
