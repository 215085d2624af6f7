"""Milliseconds of modules that were never measured, learned from those that were.

A module is compared with measured ones of its family; boosted trees put together what these say.
Where modules are many, networks that know no neighbours are mixed in, because they err elsewhere.
Only fitting loads scikit-learn.

estimator.py   estimates of any module, with intervals and a flag for unfamiliar ones
family.py      estimates of one family; family_arrays.py and text.py put them into files
jobs.py        what a fit consists of, spread over processes
shape.py       where a module stands among others of its family
trend.py       how times grow with size; waves.py: in whole waves of tiles
prior.py       how long they take on a simulated device
kriging.py     a local Gaussian process over the shape
neighbours.py  the next measured modules along every axis of the shape
features.py    what hardware makes of a module
trees.py       sums of decision trees, of all of this
network.py     networks, given what encoding.py makes of a module; blend.py mixes them in
active.py      which modules to measure next
"""

from __future__ import annotations

from .active import choose_next
from .estimator import Estimates, ModuleEstimator, fit_estimator
from .prior import Prior
from .text import estimator_from_fields, estimator_to_fields

__all__ = [
    "Estimates",
    "ModuleEstimator",
    "Prior",
    "choose_next",
    "estimator_from_fields",
    "estimator_to_fields",
    "fit_estimator",
]
