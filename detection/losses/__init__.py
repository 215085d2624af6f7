"""Training losses of detectors: Faster R-CNN and RetinaNet."""

from __future__ import annotations

from .config import LossConfig
from .detector import detector_losses
from .targets import Targets

__all__ = ["LossConfig", "Targets", "detector_losses"]
