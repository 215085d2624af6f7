"""The DetNAS spaces: which block stands at every position of a ShuffleNetV2 backbone.

Source: DetNAS (Chen et al., NeurIPS 2019). One space per layout of widths and depths.
"""

from __future__ import annotations

from .layouts import LAYOUTS
from .space import DetNasSpace

__all__ = ["LAYOUTS", "DetNasSpace"]
