"""What a run has found."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import JournalError, ObjectiveError
from ..fronts.dominance import FloatArray
from ..fronts.front import FrontPoint, ParetoFront
from ..objectives.objective import Objective, objective_named
from ..spaces.partial import is_partial
from .config import ObjectiveConfig, RunConfig
from .evaluation import Evaluation
from .reading import JournalReader

if TYPE_CHECKING:
    from searchspaces import Architecture

STOPPED = "stopped"  # the journal's note on why a run ended before all its evaluations
SUMMARY = "summary"  # the journal's note on what the strategy has to say at the end
ENDED = "ended"  # the journal's note that a multi-fidelity run has nobody left to send on
HALVING = "halving"  # the journal's note on why later proposals were evaluated whole


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hold a run: all proposals with their results, and what follows from them.

    Attributes:
        folder: Folder of the run.
        config: What decided its course.
        objectives: What the columns of the values mean.
        history: Every proposal in order, failed and unfinished ones included.
        stopped: Why the run ended before all its evaluations (the space was exhausted), or
            ``None``.
        summary: What the strategy has to say of the search, such as what it left out; empty
            until the run has come to an end.
        ended: Whether nobody is left to send on to the next rung; true where every candidate is
            evaluated whole.
        halving_stopped: Why later proposals of a multi-fidelity run were evaluated whole;
            ``None`` while the check of its rungs does not ask for that.
    """

    folder: Path
    config: RunConfig
    objectives: tuple[Objective, ...]
    history: tuple[Evaluation, ...]
    stopped: str | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)
    ended: bool = True
    halving_stopped: str | None = None

    @property
    def finished(self) -> tuple[Evaluation, ...]:
        """Return the evaluations with a result, good or bad, in the order of proposals."""
        return tuple(evaluation for evaluation in self.history if evaluation.finished)

    @property
    def paused(self) -> tuple[Evaluation, ...]:
        """Return the evaluations that stand on a rung below the last: no result of the search."""
        return tuple(e for e in self.history if e.status == "paused")

    @property
    def candidates(self) -> tuple[Evaluation, ...]:
        """Return the proposals that are whole architectures, not partial codes on the way."""
        return tuple(e for e in self.history if not is_partial(e.architecture))

    @property
    def failures(self) -> tuple[Evaluation, ...]:
        """Return the evaluations that failed; ``error`` says why."""
        return tuple(e for e in self.history if e.status == "failed")

    @property
    def complete(self) -> bool:
        """Return whether nothing is left to do for the run."""
        enough = len(self.history) >= self.config.evals or self.stopped is not None
        through = len(self.finished) + len(self.paused) == len(self.history)
        return enough and through and self.ended

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        """Return the architectures of the history, in its order."""
        return tuple(evaluation.architecture for evaluation in self.history)

    @property
    def values(self) -> FloatArray:
        """Return the values of the history, ``(n, m)``; rows without a result are NaN."""
        rows = [evaluation.values for evaluation in self.history]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.objectives))

    @property
    def front(self) -> ParetoFront:
        """Return the Pareto front of the whole architectures evaluated so far."""
        architectures = [e.architecture for e in self.candidates]
        values = [e.values for e in self.candidates]
        return ParetoFront.of(self.objectives, architectures, values)

    def front_of(self, objective: str, upper: float | None = None) -> ParetoFront:
        """Return the front of one known objective against those that are evaluated.

        With several devices in one search, each has its own: what is evaluated once serves all.

        Args:
            objective: Name of the known objective, such as the latency of one device.
            upper: Keeps only values up to it, beside what the run's own constraint on the
                objective keeps, with its confidence.

        Raises:
            ObjectiveError: No objective has that name.
        """
        cost = objective_named(self.objectives, objective)
        goals = (cost, *(goal for goal in self.objectives if not goal.is_known))
        columns = [self.objectives.index(goal) for goal in goals]
        kept = [e for e in self.candidates if self._keeps(e, objective)]
        rows = [[e.values[column] for column in columns] for e in kept]
        front = ParetoFront.of(goals, [e.architecture for e in kept], rows)
        return front if upper is None else front.within(upper, objective)

    def _keeps(self, evaluation: Evaluation, objective: str) -> bool:
        """Return whether an evaluation keeps the run's constraints on one objective."""
        own = [
            (constraint.upper, value)
            for constraint, value in zip(
                self.config.constraints, evaluation.compared, strict=False
            )
            if constraint.objective == objective
        ]
        return evaluation.status == "ok" and all(value <= upper for upper, value in own)

    @property
    def best(self) -> FrontPoint | None:
        """Return the best in the first objective that is not known; ``None`` if all failed."""
        front = self.front
        return front.best() if len(front) else None

    def evaluation(self, architecture: Architecture) -> Evaluation:
        """Return the evaluation of an architecture of the run.

        Raises:
            ObjectiveError: The run does not hold it.
        """
        for evaluation in self.history:
            if evaluation.architecture == architecture:
                return evaluation
        raise ObjectiveError(f"the run in {self.folder} holds no {architecture}")

    def to_dict(self) -> dict[str, Any]:
        """Return configuration, counts, front and failures as plain JSON values."""
        names = [objective.name for objective in self.objectives]
        front = [
            {"arch": self._name(point), **dict(zip(names, point.values, strict=True))}
            for point in self.front
        ]
        return {
            "folder": str(self.folder),
            "config": self.config.to_dict(),
            "complete": self.complete,
            "stopped": self.stopped,
            "evaluated": len(self.finished),
            "failed": [{"arch": e.code, "error": e.error} for e in self.failures],
            "front": front,
        }

    def _name(self, point: FrontPoint) -> str:
        return self.evaluation(point.architecture).code


def load_result(folder: Path | str, objectives: Sequence[Objective] | None = None) -> SearchResult:
    """Read a run, finished or not, without writing anything; it may be running elsewhere.

    Args:
        folder: Folder of the run.
        objectives: The objectives of the run with their functions. ``None`` takes them from the
            run itself; a known objective then tells only values that the run has recorded.

    Raises:
        RunError: The folder holds no run.
        JournalError: Its files are damaged or of an unknown version.
        ObjectiveError: ``objectives`` are not those of the run.
    """
    with JournalReader.read(Path(folder)) as journal:
        history = journal.evaluations()
        stopped = journal.noted(STOPPED)
        summary = _summary(journal)
        ended, halving = journal.noted(ENDED), journal.noted(HALVING)
    config = journal.config
    if objectives is None:
        goals = tuple(
            _recorded(goal, column, history) for column, goal in enumerate(config.objectives)
        )
    else:
        goals = tuple(objectives)
        if tuple(map(ObjectiveConfig.of, goals)) != config.objectives:
            raise ObjectiveError(f"the objectives are not those of the run in {folder}")
    through = config.fidelity is None or ended is not None
    return SearchResult(Path(folder), config, goals, history, stopped, summary, through, halving)


def _summary(journal: JournalReader) -> dict[str, Any]:
    text = journal.noted(SUMMARY)
    try:
        summary = {} if text is None else json.loads(text)
    except ValueError as error:
        raise JournalError(f"{journal.folder}: the summary is damaged: {error}") from error
    if not isinstance(summary, dict):
        raise JournalError(f"{journal.folder}: the summary is damaged: {summary!r:.60}")
    return summary


def _recorded(goal: ObjectiveConfig, column: int, history: Sequence[Evaluation]) -> Objective:
    known = _lookup(goal.name, column, history) if goal.known else None
    return Objective(goal.name, goal.direction, goal.unit, known)


def _lookup(
    name: str, column: int, history: Sequence[Evaluation]
) -> Callable[[Architecture], float]:
    recorded = {e.architecture: e.values[column] for e in history if e.status == "ok"}

    def known(architecture: Architecture) -> float:
        if architecture not in recorded:
            raise ObjectiveError(f"the run has recorded no {name!r} of {architecture}")
        return recorded[architecture]

    return known
