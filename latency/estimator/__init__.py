"""Milliseconds of modules that were never measured, learned from those that were.

A module is compared with measured ones of its family: the time that whole waves of tiles take
(:mod:`.waves`), a local Gaussian process over its shape (:mod:`.kriging`), its next neighbours
along every axis of the shape (:mod:`.neighbours`) and what hardware makes of it
(:mod:`.features`) are put together by boosted trees (:mod:`.trees`). Where modules are many,
networks that know no neighbours are mixed in, because they err elsewhere (:mod:`.network`,
:mod:`.blend`). Only fitting loads scikit-learn.
"""

from __future__ import annotations

from .active import choose_next
from .estimator import Estimates, ModuleEstimator, fit_estimator
from .text import estimator_from_fields, estimator_to_fields

__all__ = [
    "Estimates",
    "ModuleEstimator",
    "choose_next",
    "estimator_from_fields",
    "estimator_to_fields",
    "fit_estimator",
]
