"""Models of an objective that is evaluated, and what a candidate is expected to add.

acquisition.py  expected improvement of a front
gaussian.py     a Gaussian process; warp.py reshapes its inputs
trees.py        an ensemble of trees
"""

from __future__ import annotations

from .base import Surrogate
from .gaussian import GaussianProcess, Parameters, choose_parameters
from .trees import TreeEnsemble

__all__ = ["GaussianProcess", "Parameters", "Surrogate", "TreeEnsemble", "choose_parameters"]
