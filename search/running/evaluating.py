"""Hand out what is to be evaluated, and record what becomes of it."""

from __future__ import annotations

import traceback
from collections import deque
from typing import TYPE_CHECKING

from ..fidelity import Fidelity
from ..progress import Progress
from ..strategies import Proposer
from ..workers import Outcome, Task, Workers
from ..workers.base import one_line
from .evaluation import Evaluation
from .journal import Journal
from .trace import Trace

if TYPE_CHECKING:
    from searchspaces import Architecture

MOST_LOST = 3
"""Workers that may die over one candidate; then it is recorded as failed."""


class Evaluating:
    """Keep the workers busy.

    Args:
        strategy: Whose objectives and constraints are recorded.
        workers: Evaluate.
        journal: Of the run, open for writing.
        trace: Of the run.
        fidelity: The rungs that there are.
        retries: Tries after a first one that failed, unless the failure is the evaluator's own
            verdict.
        progress: Called as ``progress(message, done, total)`` after every result.
    """

    def __init__(
        self,
        strategy: Proposer,
        workers: Workers,
        journal: Journal,
        trace: Trace,
        fidelity: Fidelity,
        retries: int,
        progress: Progress | None,
    ) -> None:
        self._workers, self._journal, self._trace = workers, journal, trace
        self._fidelity, self._retries, self._progress = fidelity, retries, progress
        self._objectives, self._constraints = strategy.objectives, strategy.constraints
        self._evaluated = [goal.name for goal in self._objectives if not goal.is_known]
        self._queue: deque[tuple[Evaluation, int]] = deque()
        self._running: dict[int, tuple[Evaluation, int]] = {}
        self.done = 0  # candidates with a result, on whichever rung

    @property
    def busy(self) -> bool:
        """Return whether anything is left to evaluate."""
        return bool(self._queue or self._running)

    def add(self, evaluation: Evaluation, rung: int) -> None:
        """Let something be evaluated on a rung."""
        self._queue.append((evaluation, rung))

    def turn(self) -> list[Evaluation]:
        """Give free workers something to do, wait for an outcome, and return what has a result."""
        recorded: list[Evaluation] = []
        while self._queue and self._workers.free:
            recorded += self._start(*self._queue.popleft())
        if self._running:
            recorded += self._finish(self._workers.wait())
        return recorded

    def report(self, message: str) -> None:
        """Tell how far the run is."""
        if self._progress is not None:
            self._progress(message, self.done, self._journal.config.evals)

    def _start(self, evaluation: Evaluation, rung: int) -> list[Evaluation]:
        """Hand an evaluation out, unless all its objectives are known or one of those fails."""
        index, arch = evaluation.index, evaluation.architecture
        self._journal.start(index)
        self._running[index] = evaluation, rung
        try:
            self._known(arch)
        except Exception as error:  # a failed candidate is a result, not the end of the run
            trace = "".join(traceback.format_exception(error))
            outcome = Outcome(index=index, error=one_line(error), traceback=trace, final=True)
            return self._finish(outcome)
        if not self._evaluated:
            return self._finish(Outcome(index=index))
        self._workers.submit(Task(index, arch, self._fidelity.shares[rung]))
        return []

    def _known(self, arch: Architecture) -> tuple[dict[str, float], tuple[float, ...]]:
        """Return the known objectives, and what the constraints compare."""
        known = {goal.name: goal.value(arch) for goal in self._objectives if goal.is_known}
        return known, self._constraints.values(arch)

    def _finish(self, outcome: Outcome) -> list[Evaluation]:
        """Record an outcome, or put its candidate first in the queue once more."""
        evaluation, rung = self._running.pop(outcome.index)
        if outcome.error is None:
            self._succeed(evaluation, rung, outcome)
        elif self._may_repeat(outcome):
            index, error = outcome.index, outcome.error
            self._journal.repeat(index, error, outcome.traceback, lost=outcome.lost)
            self._queue.appendleft((evaluation, rung))
            self.report(f"{evaluation.code} once more: {error}")
            return []
        else:
            index, error = outcome.index, outcome.error
            self._journal.fail(index, error, outcome.traceback or "", outcome.seconds)
        (recorded,) = self._journal.evaluations(first=outcome.index, count=1)
        self.done += not evaluation.rungs
        self._trace.add(recorded)
        self.report(f"{self._trace.standing.show()}; {self._shown(recorded)}")
        return [recorded]

    def _succeed(self, evaluation: Evaluation, rung: int, outcome: Outcome) -> None:
        known, compared = self._known(evaluation.architecture)
        values = known | dict(outcome.values)
        if rung < self._fidelity.top:
            place = rung, self._fidelity.shares[rung]
            self._journal.pause(outcome.index, place, values, outcome.seconds)
        else:
            self._journal.succeed(outcome.index, values, outcome.seconds, compared)

    def _may_repeat(self, outcome: Outcome) -> bool:
        if outcome.final:
            return False
        most = MOST_LOST - 1 if outcome.lost else self._retries
        return self._journal.repeats(outcome.index, lost=outcome.lost) < most

    def _shown(self, evaluation: Evaluation) -> str:
        if evaluation.status == "failed":
            return f"{evaluation.code} failed: {evaluation.error}"
        whole = evaluation.status == "ok"
        found = evaluation.values if whole else evaluation.rungs[-1].values
        pairs = zip(self._objectives, found, strict=True)
        values = ", ".join(f"{goal.name} {goal.show(value)}" for goal, value in pairs)
        where = "" if whole else f" at {evaluation.rungs[-1].share:g} of an evaluation"
        return f"{evaluation.code}{where}: {values}"
