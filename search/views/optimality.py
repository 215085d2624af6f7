"""What an exhaustive search can say for certain, finished or not."""

from __future__ import annotations

from dataclasses import dataclass

from ..objectives.objective import Objective
from ..running.evaluation import Evaluation
from ..running.result import SearchResult

ELIGIBLE = "eligible"  # the note of a strategy that evaluates so many codes before all else


@dataclass(frozen=True, slots=True)
class Optimality:
    """Say how much of a set of codes was evaluated, and which is the best of it.

    Attributes:
        eligible: Codes in the set.
        evaluated: Codes with a value.
        failed: Codes whose evaluation failed.
        objective: Name of the objective that is compared.
        best: The best code so far, or ``None``.
        value: Its value, or ``None``.
    """

    eligible: int
    evaluated: int
    failed: int
    objective: str
    best: str | None
    value: float | None

    @property
    def proven(self) -> bool:
        """Return whether no eligible code can be better under this evaluator."""
        return self.evaluated == self.eligible

    @property
    def statement(self) -> str:
        """Say it in a sentence.

        Example:
            >>> Optimality(153, 153, 0, "ap", "1-3-5-7", 38.25).statement
            'all 153 eligible codes evaluated: 1-3-5-7 is the best of them under this evaluator...'
        """
        found = "none has a value"
        if self.value is not None:
            under = f"under this evaluator ({self.objective} {self.value:.6g})"
            found = f"{self.best} is the best of them {under}"
        if self.proven:
            return f"all {self.eligible} eligible codes evaluated: {found}"
        failed = f", {self.failed} failed" if self.failed else ""
        so_far = "" if self.evaluated + self.failed == self.eligible else " so far"
        count = f"{self.evaluated} of {self.eligible}"
        return f"{count} eligible codes evaluated{so_far}{failed}: {found}"


def optimality_of(result: SearchResult) -> Optimality | None:
    """Return what an exhaustive search, or the exhaustive part of one, has shown.

    Returns:
        ``None`` where the run's strategy is not exhaustive.
    """
    eligible = result.config.notes.get(ELIGIBLE)
    if not isinstance(eligible, int):
        return None
    goal = next((each for each in result.objectives if not each.is_known), result.objectives[0])
    first = result.history[:eligible]  # these are proposed before anything else
    best = best_of(first, goal, result)
    return Optimality(
        eligible=eligible,
        evaluated=sum(e.status == "ok" for e in first),
        failed=sum(e.status == "failed" for e in first),
        objective=goal.name,
        best=None if best is None else best.code,
        value=None if best is None else value_of(best, goal, result),
    )


def best_of(
    evaluations: tuple[Evaluation, ...], goal: Objective, result: SearchResult
) -> Evaluation | None:
    """Return the best evaluation of a run in one objective; ``None`` where all failed."""
    worked = [e for e in evaluations if e.status == "ok"]
    return min(worked, key=lambda e: goal.sign * value_of(e, goal, result), default=None)


def value_of(evaluation: Evaluation, goal: Objective, result: SearchResult) -> float:
    """Return the value of an evaluation in one objective of its run."""
    return evaluation.values[result.objectives.index(goal)]
