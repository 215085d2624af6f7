"""Paths drawn uniformly over their cost instead of over their codes.

Source: the released code of DetNAS, which pre-trains its supernet so. Most random paths cost about
the same; drawn uniformly, the light and the heavy ones would hardly be trained.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from searchspaces import PARTS, Architecture, CostCounter

from ..detector import Detector
from ..errors import TrainingError
from ..supernet import Supernet
from .paths import PATH_STREAM

SPAN_STREAM = 3  # keeps the random numbers that find the span apart from the paths'
SPAN = 1000  # random paths whose costs the bins divide; ours
ATTEMPTS = 500  # the released code's, after which it takes what comes
AT_ONCE = 50  # counted together


def binned_paths(supernet: Supernet, bins: int, seed: int = 0) -> Callable[[int], Detector]:
    """Train, at every step, a path whose backbone costs what a uniformly drawn bin says.

    The bins divide evenly what the backbones of 1,000 random paths cost. Of a bin that no draw
    meets, the path that comes closest is taken. All depends on seed and step alone.

    Args:
        supernet: Holds the paths.
        bins: How many; the released code has 8, of 10 million multiply-adds each.
        seed: Of the draws.

    Raises:
        TrainingError: There is no bin.
    """
    if bins < 1:
        raise TrainingError(f"macs_bins must be at least 1, got {bins}")
    space, counter = supernet.space, CostCounter(supernet.space)
    rng = np.random.default_rng([seed, SPAN_STREAM])
    span = _backbone_macs(counter, [space.sample(rng) for _ in range(SPAN)])
    borders = np.linspace(span.min(), span.max(), bins + 1)

    def path(step: int) -> Detector:
        rng = np.random.default_rng([seed, PATH_STREAM, step])
        place = int(rng.integers(bins))
        return supernet.detector(_drawn(counter, borders[place], borders[place + 1], rng))

    return path


def _drawn(
    counter: CostCounter, low: float, high: float, rng: np.random.Generator
) -> Architecture:
    """Return a random path of a cost, or the one that comes closest of those drawn."""
    closest: tuple[float, Architecture] | None = None
    for _ in range(ATTEMPTS // AT_ONCE):
        archs = [counter.space.sample(rng) for _ in range(AT_ONCE)]
        macs = _backbone_macs(counter, archs)
        beyond = np.maximum(np.maximum(low - macs, macs - high), 0)
        best = int(beyond.argmin())
        if closest is None or beyond[best] < closest[0]:
            closest = (float(beyond[best]), archs[best])
        if not beyond[best]:
            break
    if closest is None:
        raise RuntimeError("no path was drawn")
    return closest[1]


def _backbone_macs(counter: CostCounter, archs: list[Architecture]) -> npt.NDArray[np.float64]:
    return counter.count(archs).macs[:, PARTS.index("backbone")].astype(np.float64)
