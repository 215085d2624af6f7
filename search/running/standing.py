"""How far a run is: hypervolume, the best so far, the time left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from ..fronts.dominance import hypervolume, nondominated
from ..objectives.objective import Constraint, Objective
from .config import RunConfig
from .result import SearchResult

PACE = 20  # results that the time left is estimated from, at most


class Standing:
    """Follow the front of a run, result by result.

    The hypervolume is counted from the worst value seen so far, of a minimised objective with a
    budget from the budget: it never falls.

    Args:
        objectives: What the columns of the values mean.
        constraints: Of the run.
    """

    def __init__(
        self, objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()
    ) -> None:
        self._objectives = tuple(objectives)
        uppers = {each.objective: each.upper for each in constraints}
        self._bounds = [
            uppers.get(goal.name) if goal.direction == "min" else None for goal in objectives
        ]
        self._worst: list[float] = []
        self._front: list[tuple[float, ...]] = []
        unknown = [goal for goal in objectives if not goal.is_known]
        self._goal = (unknown or list(objectives))[0]
        self._column = self._objectives.index(self._goal)

    def add(self, values: Sequence[float]) -> None:
        """Take one more result into account; one with a NaN, a failure, changes nothing."""
        row = tuple(float(value) for value in values)
        if not all(map(math.isfinite, row)):
            return
        pairs = zip(self._objectives, self._worst or row, row, strict=True)
        self._worst = [goal.sign * max(goal.sign * a, goal.sign * b) for goal, a, b in pairs]
        rows = [*self._front, row]
        kept = nondominated(np.array(rows), self._objectives)
        members = (row for row, keep in zip(rows, kept, strict=True) if keep)
        self._front = list(dict.fromkeys(members))

    @property
    def hypervolume(self) -> float:
        """Return the volume that the front dominates; 0 before the first result."""
        if not self._front:
            return 0.0
        pairs = zip(self._bounds, self._worst, strict=True)
        reference = [worst if bound is None else bound for bound, worst in pairs]
        return hypervolume(np.array(self._front), self._objectives, reference)

    @property
    def best(self) -> tuple[float, ...] | None:
        """Return the values of what is best in the first objective that is evaluated."""
        if not self._front:
            return None
        return min(self._front, key=lambda row: self._goal.sign * row[self._column])

    def show(self) -> str:
        """Write the standing for people: ``best ap 31.2 AP, hypervolume 0.44``."""
        best = self.best
        if best is None:
            return "no result yet"
        shown = self._goal.show(float(f"{best[self._column]:.4g}"))
        return f"best {self._goal.name} {shown}, hypervolume {self.hypervolume:.4g}"


@dataclass(frozen=True, slots=True)
class RunProgress:
    """Say how far a run is.

    Attributes:
        evaluated: Results, failed ones included.
        paused: Candidates on a rung below the last, in a multi-fidelity run.
        evaluations: Results of the whole run.
        running: Evaluations that are running, or were when the run was stopped.
        failed: Results that are failures.
        hypervolume: See :class:`Standing`.
        best: Values of the best so far by objective, or ``None``.
        seconds: From the first start to the last result.
        left_s: Estimated seconds that are left, by the pace of the last results; ``None`` if
            unknown.
        complete: Whether nothing is left to do.
    """

    evaluated: int
    evaluations: int
    running: int
    failed: int
    hypervolume: float
    best: dict[str, Any] | None
    seconds: float | None
    left_s: float | None
    complete: bool
    paused: int = 0


def run_progress(result: SearchResult) -> RunProgress:
    """Return how far a run is, running or not."""
    standing = Standing(result.objectives, plain_bounds(result.config))
    for evaluation in result.candidates:
        standing.add(evaluation.values)
    names = [goal.name for goal in result.objectives]
    best = standing.best
    starts = [_seconds(e.started_at) for e in result.history if e.started_at]
    ends = sorted(_seconds(e.finished_at) for e in result.finished if e.finished_at)
    paused = len(result.paused)
    left = result.config.evals - len(result.finished) - paused
    return RunProgress(
        evaluated=len(result.finished),
        evaluations=result.config.evals,
        running=sum(evaluation.status == "running" for evaluation in result.history),
        failed=len(result.failures),
        hypervolume=standing.hypervolume,
        best=None if best is None else dict(zip(names, best, strict=True)),
        seconds=ends[-1] - min(starts) if ends and starts else None,
        left_s=0.0 if result.complete else _left_s(ends[-PACE:], left),
        complete=result.complete,
        paused=paused,
    )


def plain_bounds(config: RunConfig) -> tuple[Constraint, ...]:
    """Return the constraints that every result keeps: not those of which one is enough."""
    either = {index for group in config.alternatives for index in group}
    return tuple(each for i, each in enumerate(config.constraints) if i not in either)


def _left_s(ends: Sequence[float], left: int) -> float | None:
    if len(ends) < 2:
        return None
    return (ends[-1] - ends[0]) / (len(ends) - 1) * left


def _seconds(stamp: str | None) -> float:
    assert stamp is not None
    return datetime.fromisoformat(stamp).timestamp()
