"""Pareto fronts: dominance, ranks and hypervolume of plain numbers, and fronts of architectures.

dominance.py  who dominates whom; hypervolume
survival.py   ranks under constraints, and who survives in NSGA-II
front.py      the front of architectures
"""

from __future__ import annotations

from .dominance import hypervolume, nondominated
from .front import FrontPoint, ParetoFront

__all__ = ["FrontPoint", "ParetoFront", "hypervolume", "nondominated"]
