"""Rates of layers: the trend that costs follow before anything is known of a layer's shape.

Time = work x rates, with rates that are never negative, fitted to relative errors of all measured
graphs at once: a roofline whose bounds are added instead of compared, so that it stays linear and
can be fitted to sums. Lawson and Hanson, "Solving Least Squares Problems", 1974, chapter 23.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .equation import Equation
from .layer_work import FAMILIES, MEGA, WORK, Basis
from .modules import Modules

Floats = npt.NDArray[np.float64]
ROUNDS = 5
LEAST_MAIN = 1e-3  # main work of a graph that has nearly none
OUTLIER = 0.15
"""Relative error beyond which an equation counts less (Huber 1964)."""


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """Hold what work costs on an engine.

    Attributes:
        layers: Milliseconds per unit of work of every family ``(families, WORK)``.
        start_ms: Milliseconds of every run of any graph.
        border_ms: Milliseconds per mega element at the borders of a part.
    """

    layers: Floats
    start_ms: float
    border_ms: float

    def __eq__(self, other: object) -> bool:
        """Return whether all rates are equal."""
        if not isinstance(other, Rates):
            return NotImplemented
        ends = (self.start_ms, self.border_ms) == (other.start_ms, other.border_ms)
        return ends and np.array_equal(self.layers, other.layers)

    __hash__ = None  # type: ignore[assignment]  # it holds an array


def fit_rates(equations: Sequence[Equation], modules: Modules, basis: Basis) -> Rates:
    """Fit rates to equations.

    Args:
        equations: What was measured.
        modules: All that occur in them.
        basis: What their layers' work is counted in.
    """
    counts = modules.counts([equation.counts for equation in equations])
    times = np.array([equation.ms for equation in equations])
    borders = np.array([equation.border / MEGA for equation in equations])
    design = np.column_stack([counts @ modules.work, np.ones(len(times)), borders])
    usual = main_rate(equations, modules) * basis.usual().ravel()
    pull = _pull(usual, design.shape[1], basis.pull)
    given = np.concatenate([np.ones(len(times)), np.full(len(pull), basis.pull)])
    found = _robust(np.vstack([design / times[:, None], pull]), given)
    return Rates(found[:-2].reshape(len(FAMILIES), WORK), float(found[-2]), float(found[-1]))


def main_rate(equations: Sequence[Equation], modules: Modules) -> float:
    """Return the usual milliseconds per unit of main work of whole graphs."""
    main = modules.counts([each.counts for each in equations]) @ modules.work[:, ::WORK].sum(1)
    times = np.array([equation.ms for equation in equations])
    return float(np.median(times / np.maximum(main, LEAST_MAIN)))


def _pull(usual: Floats, columns: int, weight: float) -> Floats:
    """Return rows that say, weakly, that rates are as usual; nothing where usual is nothing."""
    rows = np.zeros((len(usual), columns))
    some = np.flatnonzero(usual)
    rows[some, some] = weight / usual[some]
    return rows[some]


def _robust(design: Floats, given: Floats) -> Floats:
    """Solve ``design @ x = given`` with x >= 0, outliers weighing less."""
    from scipy.optimize import nnls

    weights = np.ones(len(design))
    for _ in range(ROUNDS):
        found, _ = nnls(design * weights[:, None], given * weights)
        errors = np.abs(design @ found - given)
        weights = np.sqrt(np.minimum(1.0, OUTLIER / np.maximum(errors, OUTLIER)))
    return np.asarray(found, np.float64)
