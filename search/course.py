"""The course of a run: replay what the journal holds, then ask, evaluate, record and tell.

What a strategy is told, and between which proposals, is decided by the order of proposals alone,
not by which of several workers was faster: proposal number ``i`` is made once the results up to
number ``i - window`` were told, whatever else has come in. The window keeps the workers busy while
an evaluation takes longer than others; what was proposed and not told is pending for the strategy.
A run with workers has thus the same course whenever it is made, and however often it is killed.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from .errors import JournalError, ResultsPendingError, SpaceExhaustedError
from .journal import Batch, Evaluation, Journal
from .result import STOPPED
from .strategies import StrategyBase
from .trace import Trace
from .workers import Outcome, Task, Workers
from .workers.base import one_line

if TYPE_CHECKING:
    from searchspaces import Architecture

Progress = Callable[[str, float, float], None]

MOST_LOST = 3
"""Workers that may die over one candidate; then it is recorded as failed."""

AHEAD = 2
"""Proposals for every worker that may be on the way, so that none waits for the slowest one."""


class Course:
    """One process's part in a run.

    Args:
        strategy: Proposes and learns.
        workers: Evaluate.
        journal: Of the run, open for writing.
        trace: Of the run.
        retries: Tries after a first one that failed, unless the failure is the evaluator's own
            verdict.
        progress: Called as ``progress(message, done, total)`` after every result.
    """

    def __init__(
        self,
        strategy: StrategyBase,
        workers: Workers,
        journal: Journal,
        trace: Trace,
        retries: int,
        progress: Progress | None,
    ) -> None:
        self._strategy, self._workers, self._journal = strategy, workers, journal
        self._trace, self._retries, self._progress = trace, retries, progress
        self._objectives = strategy.objectives
        self._evaluated = [goal.name for goal in self._objectives if not goal.is_known]
        self._step = journal.config.batch_size
        self._window = self._step + (AHEAD * workers.count - 1 if workers.count > 1 else 0)
        self._proposed = 0
        self._told = 0
        self._needed = 0  # results that the strategy says it has to be told before it goes on
        self._done = 0
        self._over = False
        self._queue: deque[Evaluation] = deque()
        self._running: dict[int, Evaluation] = {}
        self._results: dict[int, Evaluation] = {}  # with a result that was not told yet

    def run(self) -> None:
        """Bring the run to its end.

        Raises:
            JournalError: What the journal holds is not what the strategy proposes.
            RunError: A worker cannot load the evaluator.
        """
        if self._journal.noted(STOPPED) is not None:
            self._journal.note(STOPPED, None)
        self._replay()
        while self._ask_more() or self._queue or self._running:
            # ends: every turn asks, finishes or repeats one of a bounded number of evaluations
            while self._queue and self._workers.free:
                self._start(self._queue.popleft())
            if self._running:
                self._finish(self._workers.wait())
        self._tell(self._proposed)

    def _replay(self) -> None:
        """Ask and tell as recorded; what has no result yet is evaluated next."""
        history = self._journal.evaluations()
        self._results = {e.index: e for e in history if e.finished}
        self._done = len(self._results)
        for batch in self._journal.batches():
            if not self._tell(batch.told_before):
                raise JournalError(
                    f"{self._journal.folder} does not replay: batch {batch.index} was asked for "
                    f"after {batch.told_before} results, which are not all there"
                )
            last = self._proposed + batch.proposed
            self._ask_again(batch, history[self._proposed : last])
            self._proposed = last
        self._queue.extend(e for e in history if not e.finished)

    def _ask_again(self, batch: Batch, recorded: Sequence[Evaluation]) -> None:
        try:
            known = [evaluation.architecture for evaluation in recorded]
            asked = self._strategy.replay(batch.requested, known)
        except SpaceExhaustedError:
            asked = []
        for evaluation, again in zip_longest(recorded, asked):
            if evaluation is None:
                place, was = self._proposed + len(recorded), "was not proposed"
            else:
                place, was = evaluation.index, f"is {evaluation.code}"
            if evaluation is None or again != evaluation.architecture:
                now_is = "nothing" if again is None else self._strategy.space.encode(again)
                self._refuse(f"evaluation {place} {was}", now_is)

    def _refuse(self, recorded: str, replayed: str) -> None:
        raise JournalError(
            f"{self._journal.folder} does not replay: {recorded}, but the strategy now proposes "
            f"{replayed}; the space, a known objective or a version (see run.json) has changed; "
            "begin a new run with another -o"
        )

    def _ask_more(self) -> bool:
        """Ask while the results that the next proposal needs are there; tell whether it did."""
        asked = False
        while not self._over and self._proposed < self._journal.config.evals:
            needed = max(self._proposed - self._window + self._step, self._needed)
            if not self._tell(needed) or not self._ask():
                break
            asked = True
        return asked

    def _ask(self) -> bool:
        """Ask for a batch and record it; return whether there is one."""
        n = min(self._journal.config.evals - self._proposed, self._step)
        try:
            asked = self._strategy.ask(n)
        except SpaceExhaustedError as error:
            if isinstance(error, ResultsPendingError) and self._told < self._proposed:
                self._needed = self._told + 1
                return self._tell(self._needed) and self._ask()
            self._journal.note(STOPPED, str(error))
            self._over = True
            return False
        space = self._strategy.space
        self._journal.add_batch(n, self._told, [(space.encode(arch), arch) for arch in asked])
        self._queue.extend(self._journal.evaluations(first=self._proposed))
        self._proposed += len(asked)
        return True

    def _tell(self, count: int) -> bool:
        """Tell results until so many were, in the order of proposals; tell whether that works."""
        rows = [self._results.get(index) for index in range(self._told, count)]
        there = [evaluation for evaluation in rows if evaluation is not None]
        if len(there) < len(rows):
            return False
        if there:
            self._strategy.tell([e.architecture for e in there], [e.values for e in there])
            self._told = count
            for evaluation in there:
                del self._results[evaluation.index]
        return True

    def _start(self, evaluation: Evaluation) -> None:
        """Hand an evaluation out, unless all its objectives are known or one of those fails."""
        index, arch = evaluation.index, evaluation.architecture
        self._journal.start(index)
        self._running[index] = evaluation
        try:
            self._known(arch)
        except Exception as error:  # a failed candidate is a result, not the end of the run
            trace = "".join(traceback.format_exception(error))
            self._finish(Outcome(index=index, error=one_line(error), traceback=trace, final=True))
            return
        if self._evaluated:
            self._workers.submit(Task(index, arch))
        else:
            self._finish(Outcome(index=index))

    def _known(self, arch: Architecture) -> tuple[dict[str, float], tuple[float, ...]]:
        """Return the known objectives, and what the constraints compare."""
        known = {goal.name: goal.value(arch) for goal in self._objectives if goal.is_known}
        return known, self._strategy.constraints.values(arch)

    def _finish(self, outcome: Outcome) -> None:
        """Record an outcome, or put its candidate first in the queue once more."""
        evaluation, index = self._running.pop(outcome.index), outcome.index
        if outcome.error is None:
            known, compared = self._known(evaluation.architecture)
            self._journal.succeed(index, known | dict(outcome.values), outcome.seconds, compared)
        elif self._may_repeat(outcome):
            self._journal.repeat(index, outcome.error, outcome.traceback, lost=outcome.lost)
            self._queue.appendleft(evaluation)
            self._report(f"{evaluation.code} once more: {outcome.error}")
            return
        else:
            self._journal.fail(index, outcome.error, outcome.traceback or "", outcome.seconds)
        (recorded,) = self._journal.evaluations(first=index, count=1)
        self._results[index] = recorded
        self._done += 1
        self._trace.add(recorded)
        self._report(f"{self._trace.standing.show()}; {self._shown(recorded)}")

    def _may_repeat(self, outcome: Outcome) -> bool:
        if outcome.final:
            return False
        most = MOST_LOST - 1 if outcome.lost else self._retries
        return self._journal.repeats(outcome.index, lost=outcome.lost) < most

    def _shown(self, evaluation: Evaluation) -> str:
        if evaluation.status != "ok":
            return f"{evaluation.code} failed: {evaluation.error}"
        pairs = zip(self._objectives, evaluation.values, strict=True)
        values = ", ".join(f"{goal.name} {goal.show(value)}" for goal, value in pairs)
        return f"{evaluation.code}: {values}"

    def _report(self, message: str) -> None:
        if self._progress is not None:
            self._progress(message, self._done, self._journal.config.evals)
