"""What a search minimises or maximises, what it must keep, and what is known before evaluating.

objective.py      an objective, a bound of it
constraints.py    the bounds of one search, asked of many architectures at once
latency.py        a predictor as an objective
saved_latency.py  that of a run, read back from its folder
counted.py        multiply-adds and parameters as objectives
"""

from __future__ import annotations

from .constraints import ConstraintSet
from .counted import COUNTED, counted_objective
from .latency import (
    SpaceChoice,
    latency_objective,
    load_latency,
    predicted_space,
    save_latency,
)
from .objective import AnyOf, Constraint, Objective
from .saved_latency import saved_latency

__all__ = [
    "COUNTED",
    "AnyOf",
    "Constraint",
    "ConstraintSet",
    "Objective",
    "SpaceChoice",
    "counted_objective",
    "latency_objective",
    "load_latency",
    "predicted_space",
    "save_latency",
    "saved_latency",
]
