"""Run a search: ask, evaluate, record, tell; and go on exactly where it was killed."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .config import RunConfig, describe, now, plain_json, versions_here
from .constraints import ConstraintSet
from .errors import EvaluationError, JournalError, RunError, SpaceExhaustedError
from .evaluators import Budget, Evaluator
from .journal import Batch, Evaluation, Journal
from .objective import Bound, Objective, check_objectives
from .result import STOPPED, SearchResult
from .strategies import StrategyBase, make_strategy

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

Progress = Callable[[str, float, float], None]


def run_search(
    space: SearchSpace,
    strategy: str,
    evaluator: Evaluator,
    objectives: Sequence[Objective],
    constraints: Sequence[Bound] = (),
    *,
    evals: int,
    out_dir: Path | str,
    seed: int = 0,
    resume: bool = False,
    batch_size: int = 1,
    options: Mapping[str, Any] | None = None,
    budget: Budget | None = None,
    space_options: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    notes: Mapping[str, Any] | None = None,
    prepare: Callable[[], None] | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Search a space and record every step in a folder.

    An evaluation that raises, or gives no finite number for an objective, is recorded with its
    reason and told to the strategy as a failure. Values of known objectives are computed here,
    never taken from the evaluator. Whatever stops the process, Ctrl-C and ``kill -9`` included,
    the run goes on with ``resume``: what was proposed is replayed and compared, what is missing
    is evaluated, and the history becomes that of an undisturbed run. A run may be resumed with
    more ``evals`` than before.

    Args:
        space: Any object with the members of ``searchspaces.SearchSpace``.
        strategy: A key of ``STRATEGIES``.
        evaluator: Tells the objectives that are not known; not called if all are.
        objectives: What to improve.
        constraints: Bounds on known objectives.
        evals: Evaluations, failed ones included.
        out_dir: Folder of the run; made if need be.
        seed: Seed of the strategy.
        resume: Go on with the run in the folder, if there is one.
        batch_size: Architectures to ask for at once.
        options: Options of the strategy.
        budget: What one evaluation may cost.
        space_options: Recorded, so that the space can be made again from its name.
        context: Recorded and compared on resume: whatever else decides the result.
        notes: Recorded for the reader, not compared.
        prepare: Called once the folder is this run's and before anything is evaluated: makes
            what the evaluator needs. What it raises ends the call; the folder can be resumed.
        progress: Called as ``progress(message, done, total)`` after every evaluation.

    Returns:
        The whole run.

    Raises:
        InfeasibleBudgetError: Nothing found keeps the constraints; nothing is written.
        StrategyError: Strategy, options or seed are not possible; nothing is written.
        ObjectiveError: Objectives or constraints contradict themselves; nothing is written.
        RunError: The folder holds another run, or a number is out of range.
        JournalError: The folder's files are damaged, or replaying them proposes something else.
    """
    for name, count in (("evals", evals), ("batch_size", batch_size)):
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise RunError(f"{name} must be an integer of at least 1, got {count!r}")
    goals = check_objectives(objectives)
    proposer = make_strategy(strategy, space, goals, constraints, seed, **(options or {}))
    bounds = ConstraintSet(constraints, goals)
    config = RunConfig(
        space=space.name,
        space_options=plain_json("space_options", space_options),
        strategy=strategy,
        strategy_options=asdict(proposer.options),
        objectives=describe(goals),
        constraints=bounds.constraints,
        alternatives=tuple(group for group in bounds.groups if len(group) > 1),
        evals=evals,
        batch_size=batch_size,
        budget=budget,
        seed=proposer.seed,
        context=plain_json("context", context),
        versions=versions_here(),
        created_at=now(),
        notes=plain_json("notes", notes),
    )
    with Journal.open(Path(out_dir), config, resume=resume) as journal:
        if prepare is not None:
            prepare()
        _Run(space, proposer, evaluator, bounds, journal, budget, progress).go_on()
        history, stopped = journal.evaluations(), journal.noted(STOPPED)
    return SearchResult(Path(out_dir), journal.config, goals, history, stopped)


class _Run:
    """One process's part in a run: replay what the journal holds, then go on."""

    def __init__(
        self,
        space: SearchSpace,
        strategy: StrategyBase,
        evaluator: Evaluator,
        bounds: ConstraintSet,
        journal: Journal,
        budget: Budget | None,
        progress: Progress | None,
    ) -> None:
        self._space = space
        self._strategy = strategy
        self._evaluator = evaluator
        self._bounds = bounds
        self._objectives = bounds.objectives
        self._journal = journal
        self._budget = budget
        self._progress = progress
        self._proposed = 0
        self._told = 0
        self._unknown = [goal.name for goal in bounds.objectives if not goal.is_known]

    def go_on(self) -> None:
        """Bring the run to its end."""
        if self._journal.noted(STOPPED) is not None:
            self._journal.note(STOPPED, None)
        rows = self._replay() or self._ask()
        while rows:
            for evaluation in rows:
                if not evaluation.finished:
                    self._evaluate(evaluation)
            self._tell(self._journal.evaluations(first=rows[0].index))
            rows = self._ask()

    def _replay(self) -> list[Evaluation]:
        """Ask and tell as recorded, and return the evaluations that were not told yet."""
        history = self._journal.evaluations()
        results = sorted((e for e in history if e.finished), key=_order)
        for batch in self._journal.batches():
            self._tell(results[self._told : batch.told_before])
            last = self._proposed + batch.proposed
            self._ask_again(batch, history[self._proposed : last])
            self._proposed = last
        return [e for e in history if not e.finished or _order(e) >= self._told]

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
                now_is = "nothing" if again is None else self._space.encode(again)
                self._refuse(f"evaluation {place} {was}", now_is)

    def _refuse(self, recorded: str, replayed: str) -> None:
        raise JournalError(
            f"{self._journal.folder} does not replay: {recorded}, but the strategy now proposes "
            f"{replayed}; the space, a known objective or a version (see run.json) has changed; "
            "begin a new run with another -o"
        )

    def _ask(self) -> Sequence[Evaluation]:
        """Ask for a batch and record it; nothing once the run is complete."""
        n = min(self._journal.config.evals - self._proposed, self._journal.config.batch_size)
        if n < 1:
            return []
        try:
            asked = self._strategy.ask(n)
        except SpaceExhaustedError as error:
            self._journal.note(STOPPED, str(error))
            return []
        proposals = [(self._space.encode(architecture), architecture) for architecture in asked]
        self._journal.add_batch(n, self._told, proposals)
        self._proposed += len(asked)
        return self._journal.evaluations(first=self._proposed - len(asked))

    def _tell(self, results: Sequence[Evaluation]) -> None:
        """Tell results in the order in which they came."""
        if results:
            ordered = sorted(results, key=_order)
            self._strategy.tell([e.architecture for e in ordered], [e.values for e in ordered])
            self._told += len(results)

    def _evaluate(self, evaluation: Evaluation) -> None:
        index = evaluation.index
        self._journal.start(index)
        begin = time.perf_counter()
        try:
            values = self._values(evaluation.architecture)
            compared = self._bounds.values(evaluation.architecture)
        except Exception as error:  # a failed candidate is a result, not the end of the run
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            trace = "".join(traceback.format_exception(error))
            self._journal.fail(index, reason, trace, time.perf_counter() - begin)
            self._report(f"{evaluation.code} failed: {reason}", index + 1)
            return
        self._journal.succeed(index, values, time.perf_counter() - begin, compared)
        shown = ", ".join(
            f"{goal.name} {goal.show(values[goal.name])}" for goal in self._objectives
        )
        self._report(f"{evaluation.code}: {shown}", index + 1)

    def _values(self, architecture: Architecture) -> dict[str, float]:
        known = {goal.name: goal.value(architecture) for goal in self._objectives if goal.is_known}
        if not self._unknown:
            return known
        told = self._evaluator.evaluate(architecture, self._budget)
        missing = [name for name in self._unknown if name not in told]
        if missing:
            names = ", ".join(told) or "nothing"
            raise EvaluationError(f"the evaluator gave no {missing[0]!r}; it gave {names}")
        values = known | {name: float(told[name]) for name in self._unknown}
        for name, value in values.items():
            if not math.isfinite(value):
                raise EvaluationError(f"{name!r} is {value}")
        return values

    def _report(self, message: str, done: int) -> None:
        if self._progress is not None:
            self._progress(message, done, self._journal.config.evals)


def _order(evaluation: Evaluation) -> int:
    assert evaluation.finished_order is not None
    return evaluation.finished_order
