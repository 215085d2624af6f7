"""Which detector trains at which step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..detector import Detector
from ..supernet import Supernet

DetectorForStep = Callable[[int], Detector]
PATH_STREAM = 1  # keeps the paths' random numbers apart from those that sample boxes


def one_detector(detector: Detector) -> DetectorForStep:
    """Train the same detector at every step."""
    return lambda _: detector


def uniform_paths(supernet: Supernet, seed: int = 0) -> DetectorForStep:
    """Train a uniformly drawn path of a supernet at every step (DetNAS, sec. 3.1).

    The path depends on seed and step alone, so that a resumed run draws the same ones.
    """

    def path(step: int) -> Detector:
        rng = np.random.default_rng([seed, PATH_STREAM, step])
        return supernet.detector(supernet.space.sample(rng))

    return path
