"""Which detector trains at which step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ..detector import Detector
from ..supernet import Supernet


class Learner(Protocol):
    """What a step trains, such as a :class:`detection.Detector`."""

    def losses(
        self,
        images: Tensor,
        targets: Sequence[Mapping[str, Any]],
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Return scalar losses by name, whose sum is minimised."""
        ...

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """Return what gets gradients, always in the same order."""
        ...


LearnerForStep = Callable[[int], Learner]
PATH_STREAM = 1  # keeps the paths' random numbers apart from those that sample boxes


def one_detector(detector: Learner) -> LearnerForStep:
    """Train the same detector at every step."""
    return lambda _: detector


def uniform_paths(supernet: Supernet, seed: int = 0) -> Callable[[int], Detector]:
    """Train a uniformly drawn path of a supernet at every step (DetNAS, sec. 3.1).

    The path depends on seed and step alone, so that a resumed run draws the same ones, and so do
    all processes that train together.
    """

    def path(step: int) -> Detector:
        rng = np.random.default_rng([seed, PATH_STREAM, step])
        return supernet.detector(supernet.space.sample(rng))

    return path
