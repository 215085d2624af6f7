"""Costs of modules inside detectors, from all chains and whole detectors at once.

equation.py     measured graphs as equations of module costs
fit.py          learn costs from equations
costs.py        what was learned: costs, their doubt, whole detectors
modules.py      the modules of equations, and the layers that they consist of
layer_work.py   what a layer does: the usual trend of its time
known_basis.py  another device's costs as the trend; simulated_basis.py a simulated one's
rates.py        rates of layers, fitted to the trend
covariance.py   how costs may depart from it; spread.py chooses how far
design.py       which measurement tells most
text.py         costs as fields of a file
"""

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
