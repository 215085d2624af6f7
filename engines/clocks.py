"""What clocks a device runs at, and whether something slows it down; as far as it tells.

Read before and after the samples of a measurement: where a clock moved, the samples are of two
machines. Virtual CPUs mostly tell nothing: the number in their ``/proc/cpuinfo`` is a constant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ._fields import check_number, read_fields
from ._tools import ask_gpu
from .device import UNKNOWN, DeviceInfo
from .errors import MeasurementError
from .processors import allowed_processors, read_text

MAX_CLOCK_CHANGE = 0.02
"""Relative change of a clock that is told: twice the error that a table entry may have."""

_TOOL_SECONDS = 5
_CPU = "sys/devices/system/cpu"
_GPU_FIELDS = ("sm_mhz", "memory_mhz", "temperature_c", "power_w")
_QUERY = "clocks.sm,clocks.mem,temperature.gpu,power.draw,clocks_throttle_reasons.active"
# nvml.h, nvmlClocksEventReasons: the bits that mean "slower than asked for".
_THROTTLE_BITS = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """Hold what a device told at one moment; None where it does not tell.

    Attributes:
        cpu_mhz: The fastest clock of the processors that this process may use.
        cpu_throttles: How often these were slowed down for heat since the machine started.
        sm_mhz: Clock of a GPU's multiprocessors.
        memory_mhz: Clock of its memory.
        temperature_c: Its temperature in degrees Celsius.
        power_w: Its power in watts.
        throttle: What slows the GPU down at this moment.

    Raises:
        MeasurementError: A number is negative or not finite.
    """

    cpu_mhz: float | None = None
    cpu_throttles: float | None = None
    sm_mhz: float | None = None
    memory_mhz: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    throttle: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value in self._numbers().items():
            check_number("ClockReading", name, value, zero=True)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values of what is known."""
        reasons = {"throttle": list(self.throttle)} if self.throttle else {}
        return {**self._numbers(), **reasons}

    @classmethod
    def from_dict(cls, data: object) -> ClockReading:
        """Read what :meth:`to_dict` wrote.

        Raises:
            MeasurementError: A field is unknown or wrong.
        """
        values = read_fields(cls, data, added=_NOTHING)
        if not isinstance(values["throttle"], list | tuple):
            raise MeasurementError(f"ClockReading.throttle must be a list, got {data!r}")
        values["throttle"] = tuple(map(str, values["throttle"]))
        return cls(**values)

    def _numbers(self) -> dict[str, float]:
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "throttle"}
        return {name: value for name, value in values.items() if value is not None}


_NOTHING = {f.name: f.default for f in fields(ClockReading)}


@dataclass(frozen=True, slots=True)
class Clocks:
    """Hold what a device told before and after the samples of a measurement."""

    before: ClockReading
    after: ClockReading

    def moved(self) -> tuple[str, ...]:
        """Return which clocks changed by more than :data:`MAX_CLOCK_CHANGE`, with both values."""
        told = []
        for name in ("cpu_mhz", "sm_mhz", "memory_mhz"):
            old, new = getattr(self.before, name), getattr(self.after, name)
            if old and new and abs(new / old - 1.0) > MAX_CLOCK_CHANGE:
                told.append(f"{name.removesuffix('_mhz')} clock from {old:.0f} to {new:.0f} MHz")
        return tuple(told)

    def throttled(self) -> str | None:
        """Return why the device was slowed down meanwhile; None if nothing tells so."""
        reasons = dict.fromkeys([*self.before.throttle, *self.after.throttle])
        old, new = self.before.cpu_throttles, self.after.cpu_throttles
        if old is not None and new is not None and new > old:
            reasons["heat of the processors"] = None
        return f"throttled: {', '.join(reasons)}" if reasons else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"before": self.before.to_dict(), "after": self.after.to_dict()}

    @classmethod
    def from_dict(cls, data: object) -> Clocks:
        """Read what :meth:`to_dict` wrote.

        Raises:
            MeasurementError: A field is missing, unknown or wrong.
        """
        values = read_fields(cls, data)
        return cls(*(ClockReading.from_dict(values[name]) for name in ("before", "after")))


def read_clocks(device: DeviceInfo, root: Path = Path("/")) -> ClockReading | None:
    """Return what a device tells now; None where it tells nothing.

    Args:
        device: What is measured; a simulated one tells nothing.
        root: Where ``proc`` and ``sys`` lie.
    """
    if device.kind == "cuda":
        reading = _gpu_reading(_ask_gpu(device.uuid, _QUERY))
    elif device.kind == "cpu":
        reading = ClockReading(cpu_mhz=_cpu_mhz(root), cpu_throttles=_cpu_throttles(root))
    else:
        return None
    return None if reading == ClockReading() else reading


def gpu_utilisation(device: DeviceInfo) -> float | None:
    """Return the share of the last second or so that a GPU was busy; None where not told."""
    answer = _number(_ask_gpu(device.uuid, "utilization.gpu"))
    return None if answer is None else answer / 100.0


def _cpu_mhz(root: Path) -> float | None:
    """Return the fastest clock of the processors that this process may use.

    In a virtual machine the entry of ``/proc/cpuinfo`` is what the processor was when it started.
    """
    folders = [root / _CPU / f"cpu{number}/cpufreq" for number in allowed_processors()]
    kilohertz = [_number(read_text(folder / "scaling_cur_freq")) for folder in folders]
    known = [value / 1000.0 for value in kilohertz if value]
    if known:
        return max(known)
    text = read_text(root / "proc/cpuinfo")
    if "hypervisor" in text.split():
        return None
    lines = (line.partition(":") for line in text.splitlines())
    clocks = [_number(value) for name, _, value in lines if name.strip() == "cpu MHz"]
    return max((clock for clock in clocks if clock), default=None)


def _cpu_throttles(root: Path) -> float | None:
    """Return how often processors were slowed down for heat (Intel's drivers count that)."""
    folders = [root / _CPU / f"cpu{number}/thermal_throttle" for number in allowed_processors()]
    counts = [
        _number(read_text(folder / f"{part}_throttle_count"))
        for folder in folders
        for part in ("core", "package")
    ]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _gpu_reading(answer: str) -> ClockReading:
    *numbers, bits = [value.strip() for value in answer.split(",")]
    values = dict(zip(_GPU_FIELDS, map(_number, numbers), strict=False))
    return ClockReading(**values, throttle=_throttle(bits))


def _throttle(text: str) -> tuple[str, ...]:
    try:
        bits = int(text, 16)
    except ValueError:
        return ()  # not told
    return tuple(reason for bit, reason in _THROTTLE_BITS.items() if bits & bit)


def _ask_gpu(uuid: str, query: str) -> str:
    """Return what nvidia-smi tells of a GPU in a short time; what it does not is not recorded."""
    return "" if uuid == UNKNOWN else ask_gpu(uuid, query, seconds=_TOOL_SECONDS)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None  # "[N/A]" and the like
    return value if math.isfinite(value) and value >= 0 else None
