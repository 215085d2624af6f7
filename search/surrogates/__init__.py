"""Models of an objective that is evaluated, fitted to what was told."""

from __future__ import annotations

from .base import Surrogate
from .gaussian import GaussianProcess, Parameters, choose_parameters
from .trees import TreeEnsemble

__all__ = ["GaussianProcess", "Parameters", "Surrogate", "TreeEnsemble", "choose_parameters"]
