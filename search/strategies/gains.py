"""What candidates are expected to add to the fronts of several known costs, together.

Each known cost has a front of its own against the evaluated objective. What is added to it is
measured in shares of its range: from the least cost known to the budget, or a little beyond the
dearest known where there is none; from the best value known to a little beyond the worst. See
:mod:`search.surrogates.acquisition` for what is added to one of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..objectives.constraints import ConstraintSet
from ..objectives.objective import Objective
from ..surrogates.acquisition import log_ehvi
from ..surrogates.base import Floats
from .beliefs import TINY

MARGIN = 0.01  # of a range: the worst that is known still adds a little
BEYOND = 0.1  # of a range: dearer networks than are known count, where no budget excludes them


def log_gains(
    costs: Floats, means: Floats, deviations: Floats, known: Floats, references: Sequence[float]
) -> Floats:
    """Return the logarithm of what candidates are expected to add to all fronts ``(n,)``.

    Args:
        costs: ``(n, c)`` of candidates, minimised.
        means: ``(n,)`` of the evaluated objective, minimised.
        deviations: ``(n,)`` of it.
        known: ``(k, c + 1)`` costs and values of what is told or pending.
        references: The ``c`` worst costs that count; see :func:`worst_costs`.
    """
    worst, best = float(known[:, -1].max()), float(known[:, -1].min())
    height = max(worst - best, TINY)
    gains = []
    for column, reference in enumerate(references):
        width = max(reference - float(known[:, column].min()), TINY)
        corner = (reference, worst + MARGIN * height)
        gain = log_ehvi(costs[:, column], means, deviations, known[:, [column, -1]], corner)
        gains.append(gain - math.log(width) - math.log(height))
    return np.asarray(np.logaddexp.reduce(gains, axis=0))


def worst_costs(
    goals: Sequence[Objective], constraints: ConstraintSet, known: Floats
) -> tuple[float, ...]:
    """Return the worst of each cost that counts, minimised: the budget, or beyond all there is.

    Args:
        goals: The ``c`` known objectives.
        constraints: Of the search.
        known: ``(k, c)``, or with more columns behind, costs of what is told or pending,
            minimised.
    """
    return tuple(
        _worst(goal, constraints, float(column.min()), float(column.max()))
        for goal, column in zip(goals, known.T, strict=False)
    )


def _worst(goal: Objective, constraints: ConstraintSet, least: float, most: float) -> float:
    uppers = [c.upper for c in constraints.constraints if c.objective == goal.name]
    if uppers and goal.direction == "min":
        most = max(uppers)
        return most + MARGIN * max(most - least, TINY)
    return most + BEYOND * max(most - least, TINY)
