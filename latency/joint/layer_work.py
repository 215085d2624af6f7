"""What a layer does, in numbers that its time is made of: by family, as work and as a place.

The time of a layer is near a sum over its work: multiply-adds, elements moved, and being started.
How far from it depends on its shape, and is alike for layers of like shape. Where another device
is known, what the layer takes there says more than its work: see :class:`Basis`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from searchspaces import ModuleSpec

from ..simulated.layers import Layer, Matmul, Pass, Sample

Floats = npt.NDArray[np.float64]
FAMILIES = (
    "depthwise",
    "grouped",
    "winograd",
    "product",
    "convolution",
    "absorbed",
    "pass",
    "sample",
    "serial",
)
"""Layers of one family share rates and are alike where their places are near."""

WORK = 3  # numbers that a layer's work is given by
PLACE = 6  # coordinates of a layer's place
GIGA, MEGA = 1e9, 1e6


USUAL = {"sample": (10.0, 0.01, 0.0), "serial": (50.0, 0.0, 0.0)}
USUAL_PRODUCT = (1.0, 0.01, 0.0)
"""Rates as shares of the milliseconds per giga multiply-add: what a processor's balance of
arithmetic and memory gives (judged, between a CPU's 0.003 and a V100's 0.03 per mega element)."""


PULL = 0.02
"""Weight of what is usual against one equation: it decides only where no equation does."""


class Basis(Protocol):
    """Say what times of layers are proportional to, family by family."""

    @property
    def pull(self) -> float:
        """Return the weight of what is usual against one equation."""
        ...

    def work(self, layers: Sequence[Layer]) -> Floats:
        """Return the work of layers ``(layers, WORK)``; the first number is the main one."""
        ...

    def usual(self) -> Floats:
        """Return usual rates as shares of the main one's ``(families, WORK)``."""
        ...

    def factors(self, specs: Sequence[ModuleSpec]) -> Floats:
        """Return how many times more modules take than their layers alone ``(modules,)``."""
        ...


@dataclass(frozen=True, slots=True)
class WorkBasis:
    """Know layers by what they do: nothing needs to have been measured."""

    @property
    def pull(self) -> float:
        """Return the weight of what is usual against one equation."""
        return PULL

    def work(self, layers: Sequence[Layer]) -> Floats:
        """Return giga multiply-adds, mega elements moved and launches ``(layers, WORK)``."""
        return np.array([work_of(layer) for layer in layers]).reshape(-1, WORK)

    def usual(self) -> Floats:
        """Return the rates of a processor with the usual balance ``(families, WORK)``."""
        return np.array([USUAL.get(name, USUAL_PRODUCT) for name in FAMILIES])

    def factors(self, specs: Sequence[ModuleSpec]) -> Floats:
        """Return ones: nothing is known of single modules ``(modules,)``."""
        return np.ones(len(specs))


def family_of(layer: Layer) -> int:
    """Return the index of a layer's family in :data:`FAMILIES`."""
    return FAMILIES.index(_family(layer))


def _family(layer: Layer) -> str:
    if isinstance(layer, Matmul):
        return _family_of_product(layer)
    if isinstance(layer, Pass):
        return "absorbed" if layer.absorbed else "pass"
    return "sample" if isinstance(layer, Sample) else "serial"


def _family_of_product(layer: Matmul) -> str:
    if layer.groups > 1:
        return "depthwise" if layer.is_depthwise else "grouped"
    if layer.winograd:
        return "winograd"
    return "product" if layer.read == layer.rows * layer.depth else "convolution"


def work_of(layer: Layer) -> Floats:
    """Return giga multiply-adds (or cycles), mega elements moved, and launches ``(WORK,)``."""
    if isinstance(layer, Matmul):
        work = (layer.macs / GIGA, (layer.read + layer.written + layer.weights) / MEGA, 1)
    elif isinstance(layer, Pass):
        work = (0.0, layer.steps * (layer.read + layer.written) / MEGA, layer.steps)
    elif isinstance(layer, Sample):
        work = (layer.taps / GIGA, (layer.source + layer.written) / MEGA, 1)
    else:
        work = (layer.cycles / GIGA, 0.0, layer.kernels)
    return np.array(work)


def place_of(layer: Layer) -> Floats:
    """Return where a layer lies among its family, in powers of two ``(PLACE,)``."""
    if isinstance(layer, Matmul):
        taken = layer.read / layer.rows
        one = (layer.rows, layer.columns, layer.depth, layer.groups, taken)
        sizes: tuple[float, ...] = (*one, layer.images)
    elif isinstance(layer, Pass):
        sizes = (layer.read + 1, layer.written + 1, layer.steps, 1, 1, 1)
    elif isinstance(layer, Sample):
        sizes = (layer.taps, layer.source, layer.written, 1, 1, 1)
    else:
        sizes = (layer.cycles + 1, layer.kernels, 1, 1, 1, 1)
    return np.log2(np.array(sizes, np.float64))
