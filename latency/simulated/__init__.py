"""Simulated devices: data sheets and a roofline, for planning without the hardware.

Whatever it gives is labelled simulated; see docs/decisions/0013. Here is what modules consist of
and how devices are described; `latency.simulated.predictor` and `.describe` predict with it.
"""

from __future__ import annotations

from .device import DeviceFigure, SimulatedDevice
from .device_file import (
    PREFIX,
    get_simulated_device,
    is_simulated,
    read_simulated_device,
    simulated_devices,
)
from .efficiency import EFFICIENCIES, Efficiency
from .splits import SPLITS, split

__all__ = [
    "EFFICIENCIES",
    "PREFIX",
    "SPLITS",
    "DeviceFigure",
    "Efficiency",
    "SimulatedDevice",
    "get_simulated_device",
    "is_simulated",
    "read_simulated_device",
    "simulated_devices",
    "split",
]
