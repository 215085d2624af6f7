"""Layers by what they take on another device: a trend where few measurements must do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from searchspaces import ModuleSpec

from ..simulated.layers import Layer
from .costs import JointCosts
from .covariance import LEAST_MS
from .layer_work import FAMILIES, WORK
from .modules import Modules

Floats = npt.NDArray[np.float64]
MOST_FACTOR = 3.0  # of a module over its layers: beyond, noise speaks


@dataclass(frozen=True)
class KnownBasis:
    """Know layers by what they take on another device or engine.

    Attributes:
        source: Costs there.
    """

    source: JointCosts

    def work(self, layers: Sequence[Layer]) -> Floats:
        """Return the milliseconds there, and nothing else ``(layers, WORK)``."""
        table = np.zeros((len(layers), WORK))
        table[:, 0] = self.source.layers_ms(layers)
        return table

    def usual(self) -> Floats:
        """Return one ratio for all families ``(families, WORK)``."""
        table = np.zeros((len(FAMILIES), WORK))
        table[:, 0] = 1.0
        return table

    def factors(self, specs: Sequence[ModuleSpec]) -> Floats:
        """Return what modules take there over what their layers do ``(modules,)``."""
        modules = Modules(specs, self)
        layers_ms = modules.repeats @ modules.layer_work[:, 0]
        ms = np.array([part.ms for part in self.source.modules(modules.specs)])
        ratio = ms / np.maximum(layers_ms, LEAST_MS)
        return np.asarray(np.clip(ratio, 1 / MOST_FACTOR, MOST_FACTOR))
