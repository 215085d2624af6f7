"""The fronts of a run: what was evaluated against each cost, with the intervals of predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from search import Objective, nondominated, saved_latency
from searchspaces import SPACES, make_space

from ..errors import ReportError
from .data import Front, FrontMark

if TYPE_CHECKING:
    from search import Evaluation, SearchResult
    from searchspaces import Architecture

CONFIDENCE = 0.9
"""Of the intervals that are shown, where the calibration supports it."""

IntervalOf = Callable[["Architecture"], tuple[float, float] | None]


def search_front(
    result: SearchResult, *, chosen: str | None = None, budget_ms: float | None = None
) -> Front:
    """Return every evaluated architecture of a run, marked by whether another one beats it.

    Args:
        result: The run; its first minimised objective is taken as the latency, its first
            maximised one as the accuracy.
        chosen: Code of the architecture that was chosen; the best within the budget if ``None``.
        budget_ms: Latency budget; the run's own constraint if ``None``.

    Raises:
        ReportError: The run minimises or maximises nothing.
    """
    return _front(result, column_of(result, "min"), chosen, budget_ms)


def further_fronts(result: SearchResult) -> tuple[Front, ...]:
    """Return the fronts of a run's other costs: further devices, multiply-adds.

    Raises:
        ReportError: The run minimises or maximises nothing.
    """
    first = column_of(result, "min")
    others = [
        column
        for column, goal in enumerate(result.objectives)
        if goal.direction == "min" and goal.is_known and column != first
    ]
    return tuple(_front(result, column, None, None) for column in others)


def column_of(result: SearchResult, direction: str) -> int:
    """Return the place of the first objective that is minimised, or maximised.

    Raises:
        ReportError: None is.
    """
    for column, objective in enumerate(result.objectives):
        if objective.direction == direction:
            return column
    wanted = "minimises no latency" if direction == "min" else "maximises no accuracy"
    raise ReportError(f"the run in {result.folder} {wanted}; there is no front to draw")


def _front(
    result: SearchResult, column: int, chosen: str | None, budget_ms: float | None
) -> Front:
    goal, accuracy = result.objectives[column], column_of(result, "max")
    if budget_ms is None:
        budget_ms = result.config.uppers.get(goal.name)
    done = [e for e in result.candidates if e.status == "ok"]
    points = np.array([(e.values[column], e.values[accuracy]) for e in done], np.float64)
    kept = nondominated(
        points.reshape(-1, 2), (Objective("cost", "min"), Objective("accuracy", "max"))
    )
    if chosen is None:
        chosen = _best_code(done, column, accuracy, budget_ms)
    interval_of = _intervals(result, goal.name)
    marks = tuple(
        FrontMark(
            label=each.code,
            cost=each.values[column],
            accuracy=each.values[accuracy],
            dominated=not on_front,
            chosen=each.code == chosen,
            interval=interval_of(each.architecture) if on_front or each.code == chosen else None,
        )
        for each, on_front in zip(done, kept.tolist(), strict=True)
    )
    return Front(
        marks=marks,
        accuracy_name=result.objectives[accuracy].name,
        budget_ms=budget_ms,
        failed=len(result.failures),
        cost_name=_cost_name(goal),
        cost_unit=goal.unit,
        budgets=_budgets(result) if column == column_of(result, "min") else (),
    )


def _cost_name(goal: Objective) -> str:
    """Return what an axis says: ``predicted latency on gpu`` for ``latency_ms@gpu``."""
    if goal.unit != "ms":
        return goal.name
    device = goal.name.partition("@")[2]
    return f"predicted latency on {device}" if device else "predicted latency"


def _budgets(result: SearchResult) -> tuple[float, ...]:
    """Return the budgets of a run that searched several one by one."""
    return tuple(map(float, result.config.strategy_options.get("budgets") or ()))


def _intervals(result: SearchResult, objective: str) -> IntervalOf:
    """Return what tells the interval of a prediction; nothing where the run keeps no predictor.

    Raises:
        PredictorError: The predictor that the run keeps is damaged; or ``JournalError`` of a
            simulated one.
    """
    config, predictor = result.config, saved_latency(result.folder, objective)
    if predictor is None or config.space not in SPACES:
        return lambda _: None
    space = make_space(config.space, **config.space_options)

    def interval(arch: Architecture) -> tuple[float, float] | None:
        found = predictor.predict(space.detector(arch), CONFIDENCE)
        return found.lo_ms, found.hi_ms

    return interval


def _best_code(
    done: Sequence[Evaluation], column: int, accuracy: int, budget_ms: float | None
) -> str | None:
    within = [e for e in done if budget_ms is None or e.values[column] <= budget_ms]
    best = max(within, key=lambda e: (e.values[accuracy], -e.values[column]), default=None)
    return None if best is None else best.code
