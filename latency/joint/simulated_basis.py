"""Layers by what a simulated device says of them: a trend before much is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from searchspaces import ModuleSpec

from ..simulated.layers import Layer
from ..simulated.predictor import SimulatedPredictor, make_simulated
from .layer_work import FAMILIES, PULL, WORK

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SimulatedBasis:
    """Know layers by a roofline: peak rates, bandwidth, tiles and launches of a data sheet.

    Measurements scale it, family by family; what they say nothing of follows the roofline's shape.

    Attributes:
        name: Of the device, ``V100`` or ``V100:tensorrt``.
        precision: ``fp32``, ``fp16`` or ``int8``.
        specification: Of a device that does not ship with detfit.

    Raises:
        PredictorError: Device, engine or precision are unknown.
    """

    name: str
    precision: str
    specification: str = ""

    def __post_init__(self) -> None:
        _ = self._device  # unknown names are refused at once

    @property
    def pull(self) -> float:
        """Return the weight of what is usual against one equation."""
        return PULL

    def work(self, layers: Sequence[Layer]) -> Floats:
        """Return the milliseconds there, and nothing else ``(layers, WORK)``."""
        table = np.zeros((len(layers), WORK))
        table[:, 0] = [self._device.layer_ms(layer) for layer in layers]
        return table

    def usual(self) -> Floats:
        """Return one ratio for all families ``(families, WORK)``."""
        table = np.zeros((len(FAMILIES), WORK))
        table[:, 0] = 1.0
        return table

    def factors(self, specs: Sequence[ModuleSpec]) -> Floats:
        """Return ones: a roofline knows no single modules ``(modules,)``."""
        return np.ones(len(specs))

    @cached_property
    def _device(self) -> SimulatedPredictor:
        return make_simulated(self.name, self.precision, specification=self.specification)
