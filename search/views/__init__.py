"""What a run tells, for people and as JSON-able fields.

describe.py       counts, front and best of a run
front.py          the views of a front, chosen by the command line's options
joint_front.py    the fronts of several runs as one
correlation.py    what makes a detector slow or accurate
best_so_far.py    how good the best so far are; best_so_far_picture.py draws it
optimality.py     what an exhaustive search has shown
by_budget.py      the best of every budget of ``crnas``
rungs.py          what a multi-fidelity run spent on which rung
"""

from __future__ import annotations

from .best_so_far import BestCurve, best_curve, curves_to_dict
from .best_so_far_picture import draw_best_curves, write_best_curves
from .by_budget import BudgetResult, results_by_budget
from .correlation import Correlation, correlations, describe_correlations
from .describe import describe_result, describe_training
from .front import view_front
from .joint_front import JointPoint, describe_joint, joint_front
from .optimality import Optimality, optimality_of
from .rungs import RungCount, RungSummary, rung_summary

__all__ = [
    "BestCurve",
    "BudgetResult",
    "Correlation",
    "JointPoint",
    "Optimality",
    "RungCount",
    "RungSummary",
    "best_curve",
    "correlations",
    "curves_to_dict",
    "describe_correlations",
    "describe_joint",
    "describe_result",
    "describe_training",
    "draw_best_curves",
    "joint_front",
    "optimality_of",
    "results_by_budget",
    "rung_summary",
    "view_front",
    "write_best_curves",
]
