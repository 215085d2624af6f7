"""What a simulated device says of modules: a first guess where few were measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from searchspaces import ModuleSpec

from ..simulated import SimulatedPredictor, make_simulated

Floats = npt.NDArray[np.float64]
LEAST_MS = 1e-4  # a tenth of a microsecond, for what a runtime absorbs: it has a logarithm


@dataclass(frozen=True, slots=True)
class Prior:
    """Know modules by the roofline of a data sheet.

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
        _device(self.name, self.precision, self.specification)  # unknown names are refused at once

    def log_ms(self, specs: Sequence[ModuleSpec]) -> Floats:
        """Return log(ms) ``(n,)`` of modules there.

        Raises:
            PredictorError: A kind of module cannot be simulated.
        """
        ms = _device(self.name, self.precision, self.specification).modules_ms(specs)
        return np.asarray(np.log(np.maximum(ms, LEAST_MS)))


@cache
def _device(name: str, precision: str, specification: str) -> SimulatedPredictor:
    return make_simulated(name, precision, specification=specification)
