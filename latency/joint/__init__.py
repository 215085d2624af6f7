"""Costs of modules inside detectors, from all chains and whole detectors at once."""

from .costs import JointCost, JointCosts, KnownBasis, fit_joint
from .covariance import Spread
from .design import choose_measurements
from .equation import Equation, equation_of, equations_of
from .layer_work import Basis
from .rates import Rates
from .text import joint_from_fields, joint_to_fields

__all__ = [
    "Basis",
    "Equation",
    "JointCost",
    "JointCosts",
    "KnownBasis",
    "Rates",
    "Spread",
    "choose_measurements",
    "equation_of",
    "equations_of",
    "fit_joint",
    "joint_from_fields",
    "joint_to_fields",
]
