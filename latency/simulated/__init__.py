"""Simulated devices: data sheets and a roofline, for planning without the hardware.

Whatever it gives is labelled simulated; see docs/decisions/0013.
"""

from __future__ import annotations

from .describe import describe_simulated, is_simulated, predict_simulated
from .device import DeviceFigure, SimulatedDevice
from .device_file import get_simulated_device, read_simulated_device, simulated_devices
from .efficiency import EFFICIENCIES, Efficiency
from .predictor import SimulatedPredictor, make_simulated
from .splits import SPLITS, split

__all__ = [
    "EFFICIENCIES",
    "SPLITS",
    "DeviceFigure",
    "Efficiency",
    "SimulatedDevice",
    "SimulatedPredictor",
    "describe_simulated",
    "get_simulated_device",
    "is_simulated",
    "make_simulated",
    "predict_simulated",
    "read_simulated_device",
    "simulated_devices",
    "split",
]
