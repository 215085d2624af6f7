"""Models of an objective that is evaluated, and what a candidate is expected to add.

acquisition.py     expected improvement of a front
gaussian.py        a Gaussian process; warp.py reshapes its inputs
trees.py           an ensemble of trees
autoregressive.py  dear values by cheap ones
chain.py           which of them is the model of results of several fidelities
"""

from __future__ import annotations

from .base import Surrogate
from .chain import FEWEST_RESULTS, Chain, Level
from .gaussian import GaussianProcess, Parameters, choose_parameters
from .trees import TreeEnsemble

__all__ = [
    "FEWEST_RESULTS",
    "Chain",
    "GaussianProcess",
    "Level",
    "Parameters",
    "Surrogate",
    "TreeEnsemble",
    "choose_parameters",
]
