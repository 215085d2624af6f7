"""Costs of modules inside detectors, from all chains and whole detectors at once."""

from .costs import JointCost, JointCosts
from .covariance import Spread
from .design import choose_measurements, identifying_set
from .equation import Equation, equation_of, equations_of
from .fit import fit_joint, fit_like, unmeasured
from .known_basis import KnownBasis
from .layer_work import Basis
from .rates import Rates
from .simulated_basis import SimulatedBasis
from .text import joint_from_fields, joint_to_fields

__all__ = [
    "Basis",
    "Equation",
    "JointCost",
    "JointCosts",
    "KnownBasis",
    "Rates",
    "SimulatedBasis",
    "Spread",
    "choose_measurements",
    "equation_of",
    "equations_of",
    "fit_joint",
    "fit_like",
    "identifying_set",
    "joint_from_fields",
    "joint_to_fields",
    "unmeasured",
]
