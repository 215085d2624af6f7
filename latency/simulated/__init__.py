"""Simulated devices: data sheets and a roofline, for planning without the hardware.

Whatever it gives is labelled simulated; see docs/decisions/0013.

predictor.py    predict whole detectors on a device that is not at hand
splits/         what layers every kind of module consists of; layers.py says what a layer is
roofline.py     milliseconds of a layer; efficiency.py: how much of a device's rates it reaches
device.py       what a device is: figures with their sources
device_file.py  devices on disk; those that are shipped stand in devices/
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
from .predictor import SimulatedPredictor, make_simulated, simulated_ms
from .splits import SPLITS, split

__all__ = [
    "EFFICIENCIES",
    "PREFIX",
    "SPLITS",
    "DeviceFigure",
    "Efficiency",
    "SimulatedDevice",
    "SimulatedPredictor",
    "get_simulated_device",
    "is_simulated",
    "make_simulated",
    "read_simulated_device",
    "simulated_devices",
    "simulated_ms",
    "split",
]
