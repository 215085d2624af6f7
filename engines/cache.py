"""Emptying the caches: what a module costs when nothing of it is at hand.

Before every run a buffer of twice the size of the device's last cache is written, which leaves
nothing else in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .device import UNKNOWN, DeviceInfo
from .errors import MeasurementError
from .processors import allowed_processors, read_text
from .timing import Timer

TIMES_CACHE = 2
_TRIES = 3
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


class ColdTimer:
    """Time each run by itself, with empty caches; emptying them is not timed.

    Args:
        timer: What is timed.
        flush: Empties the caches.

    Attributes:
        untimed_ms: What one emptying took when this was made.
    """

    def __init__(self, timer: Timer, flush: Callable[[], None]) -> None:
        self._timer = timer
        self._flush = flush
        self.untimed_ms = min(self._flush_ms() for _ in range(_TRIES))

    def __call__(self, runs: int) -> float:
        """Return the milliseconds of ``runs`` cold runs."""
        total = 0.0
        for _ in range(runs):
            self._flush()
            total += self._timer(1)
        return total

    def _flush_ms(self) -> float:
        start = time.perf_counter_ns()
        self._flush()
        return (time.perf_counter_ns() - start) / 1e6


def cache_flusher(device: DeviceInfo, root: Path = Path("/")) -> Callable[[], None]:
    """Return what empties a device's caches.

    Args:
        device: What is measured; a simulated device has no caches.
        root: Where ``sys`` lies.

    Raises:
        MeasurementError: The size of the cache is not known, or torch does not see the GPU.
    """
    if device.kind == "cuda":
        return _gpu_flusher(device)
    if device.kind != "cpu":
        return lambda: None
    size = last_cache_bytes(root)
    if size is None:
        raise MeasurementError(
            "cache='cold' needs the size of the last-level cache, which this system does not tell "
            "(sys/devices/system/cpu/cpu*/cache); measure with cache='warm'"
        )
    buffer = np.zeros(TIMES_CACHE * size, np.uint8)
    # Read and written: stores alone may pass the caches by (non-temporal memset).
    return lambda: _touch(buffer)


def last_cache_bytes(root: Path = Path("/")) -> int | None:
    """Return the size of the largest cache of the processors in use; None where not told."""
    sizes = [
        _bytes(read_text(file))
        for number in allowed_processors()
        for file in (root / f"sys/devices/system/cpu/cpu{number}/cache").glob("index*/size")
    ]
    return max((size for size in sizes if size), default=None)


def _bytes(text: str) -> int:
    """Return the bytes of a text such as ``32768K``; 0 for anything else."""
    number, unit = text[:-1], text[-1:]
    return int(number) * _UNITS[unit] if number.isdigit() and unit in _UNITS else 0


def _gpu_flusher(device: DeviceInfo) -> Callable[[], None]:
    import torch

    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        if str(getattr(properties, "uuid", UNKNOWN)) in device.uuid:
            size = TIMES_CACHE * int(properties.L2_cache_size)
            buffer = torch.empty(size, dtype=torch.uint8, device=f"cuda:{index}")
            return lambda: _write(buffer)
    raise MeasurementError(
        f"cache='cold' empties the cache by torch, which sees no GPU {device.uuid}; measure with "
        "cache='warm'"
    )


def _touch(buffer: npt.NDArray[np.uint8]) -> None:
    np.add(buffer, 1, out=buffer)


def _write(buffer: object) -> None:
    import torch

    buffer.zero_()  # type: ignore[attr-defined]  # a tensor, named so to load torch late
    torch.cuda.synchronize(buffer.device)  # type: ignore[attr-defined]
