"""How good the best architectures so far are, generation by generation.

DetNAS (Chen et al., NeurIPS 2019) compares evolution with random search so. One curve per run;
failed evaluations count as evaluations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..errors import RunError
from ..objectives.objective import Objective, evaluated_objective
from ..running.result import SearchResult

KEPT = 50  # networks that the mean is over; DetNAS
GENERATION = 50  # evaluations between two points; DetNAS' population
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class BestCurve:
    """Hold the best architectures so far after every generation of one run.

    Attributes:
        label: What the run is.
        objective: Name of the objective that is compared.
        unit: Its unit.
        evaluations: How many had been made at each point.
        mean: Mean of the best so far.
        best: The best of them.
        worst: The worst of them.
        kept: Architectures that the mean is over at each point, fewer than asked for at first.
    """

    label: str
    objective: str
    unit: str
    evaluations: tuple[int, ...]
    mean: tuple[float, ...]
    best: tuple[float, ...]
    worst: tuple[float, ...]
    kept: tuple[int, ...]


def best_curve(
    result: SearchResult,
    label: str | None = None,
    *,
    keep: int = KEPT,
    generation: int = GENERATION,
) -> BestCurve:
    """Return the curve of a run, finished or not; partial codes are left out.

    Args:
        result: The run.
        label: What it is; the strategy's name if left out.
        keep: Architectures that the mean is over.
        generation: Evaluations between two points.

    Raises:
        RunError: A number is below 1, or no evaluation of the run has a value.
        ObjectiveError: Every objective is known.
    """
    for name, count in (("keep", keep), ("generation", generation)):
        if count < 1:
            raise RunError(f"{name} must be at least 1, got {count}")
    goal = evaluated_objective(result.config.strategy, result.objectives)
    column = result.objectives.index(goal)
    told = [e.values[column] for e in result.candidates if e.finished]  # NaN where it failed
    ends = [*range(generation, len(told), generation), len(told)]
    points = [(end, _best(told[:end], goal, keep)) for end in ends]
    points = [(end, best) for end, best in points if len(best)]
    if not points:
        raise RunError(f"{result.folder} has no value yet; go on with it by --resume")
    return BestCurve(
        label=result.config.strategy if label is None else label,
        objective=goal.name,
        unit=goal.unit,
        evaluations=tuple(end for end, _ in points),
        mean=tuple(float(np.mean(best)) for _, best in points),
        best=tuple(best[0] for _, best in points),
        worst=tuple(best[-1] for _, best in points),
        kept=tuple(len(best) for _, best in points),
    )


def curves_to_dict(curves: Sequence[BestCurve]) -> dict[str, Any]:
    """Return curves as plain JSON values."""
    return {"schema_version": SCHEMA_VERSION, "curves": [asdict(curve) for curve in curves]}


def _best(values: Sequence[float], goal: Objective, keep: int) -> list[float]:
    """Return the best values, best first, without the failures."""
    finite = [value for value in values if np.isfinite(value)]
    return sorted(finite, key=lambda value: goal.sign * value)[:keep]
