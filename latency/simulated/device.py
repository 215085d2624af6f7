"""What a simulated device is: figures of data sheets, each with its source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..errors import PredictorError

_CHECKS: dict[str, Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
SCHEMA = "detfit.simulated-device/1"
FUSING = {"pytorch": False, "tensorrt": True, "onnxruntime": True}
"""Engine -> whether it runs a convolution and what follows it element by element as one kernel."""

WIDER = {"fp32": ("fp32",), "fp16": ("fp16", "fp32"), "int8": ("int8", "fp16", "fp32")}
"""Precision -> types that an engine may run a layer in: wider ones where they are quicker."""


@dataclass(frozen=True, slots=True)
class DeviceFigure:
    """Keep one number and where it comes from.

    Attributes:
        value: Above 0, in the unit that the field's name ends with.
        source: Document, or how it was derived.
        estimated: Whether no document states it.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _CHECKS

    value: float
    source: str
    estimated: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.value > 0):
            raise PredictorError(f"a figure is a number above 0, got {self.value}")
        if not self.source.strip():
            raise PredictorError(f"the figure {self.value:g} names no source")


@dataclass(frozen=True, slots=True)
class SimulatedDevice:
    """Describe a device by its data sheet.

    Attributes:
        name: What ``simulated:NAME`` calls it.
        aliases: Other names of it.
        about: Which board exactly.
        calibrated: Whether efficiencies were fitted on measurements of it.
        peak_tflops: Type of arithmetic (``fp32``, ``tf32``, ``fp16``, ``int8``) -> 1e12 dense
            operations a second; a multiply-add is two.
        bandwidth_gb_s: Of the memory.
        memory_gb: Size of the memory.
        cache_mb: Last level of cache that all processors share.
        processors: Streaming multiprocessors, or cores.
        clock_mhz: Highest clock of the processors.
        launch_us: Engine -> what each kernel costs beside its work.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _CHECKS

    name: str
    aliases: tuple[str, ...]
    about: str
    calibrated: bool
    peak_tflops: Mapping[str, DeviceFigure]
    bandwidth_gb_s: DeviceFigure
    memory_gb: DeviceFigure
    cache_mb: DeviceFigure
    processors: DeviceFigure
    clock_mhz: DeviceFigure
    launch_us: Mapping[str, DeviceFigure]

    def __post_init__(self) -> None:
        lacking = [name for name in WIDER if name not in self.peak_tflops]
        if lacking:
            raise PredictorError(f"{self.name} lacks the peak rate of {', '.join(lacking)}")
        unknown = self.launch_us.keys() - FUSING.keys()
        if unknown or not self.launch_us:
            raise PredictorError(
                f"{self.name}: launch_us names engines among {', '.join(FUSING)}, got "
                f"{', '.join(self.launch_us) or 'none'}"
            )

    @property
    def estimated(self) -> tuple[str, ...]:
        """Return the names of the figures that no document states."""
        fields: dict[str, DeviceFigure] = {
            "bandwidth_gb_s": self.bandwidth_gb_s,
            "memory_gb": self.memory_gb,
            "cache_mb": self.cache_mb,
            "processors": self.processors,
            "clock_mhz": self.clock_mhz,
        }
        fields |= {f"peak_tflops.{name}": figure for name, figure in self.peak_tflops.items()}
        fields |= {f"launch_us.{name}": figure for name, figure in self.launch_us.items()}
        return tuple(name for name, figure in fields.items() if figure.estimated)
