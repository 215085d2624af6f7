"""The published models of the three papers and their baselines, as one more search space."""

from __future__ import annotations

from .models import ZOO
from .published import Figure, ZooModel
from .space import ZooSpace

__all__ = ["ZOO", "Figure", "ZooModel", "ZooSpace"]
