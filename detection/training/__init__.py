"""The training loop of detectors and supernets."""

from __future__ import annotations

from .config import TrainConfig
from .loop import train
from .paths import one_detector, uniform_paths
from .report import TrainReport, TrainRow

__all__ = ["TrainConfig", "TrainReport", "TrainRow", "one_detector", "train", "uniform_paths"]
