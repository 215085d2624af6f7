"""Run a search: everything between a space and the record of what was found in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .config import RunConfig, describe, now, plain_json, versions_here
from .course import Course, Progress
from .errors import RunError
from .evaluators import Budget, Evaluator
from .journal import Journal
from .objective import Bound, Objective
from .result import STOPPED, SUMMARY, SearchResult
from .standing import plain_bounds
from .strategies import make_strategy
from .trace import Trace
from .workers import Job, WorkerChoice, make_workers

if TYPE_CHECKING:
    from searchspaces import SearchSpace

RETRIES = 1
"""Tries after a first one that failed, by default: what failed may be the machine."""


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
    workers: WorkerChoice | None = None,
    retries: int = RETRIES,
) -> SearchResult:
    """Search a space and record every step in a folder.

    An evaluation that raises, or gives no finite number for an objective, is tried once more,
    unless that is the evaluator's own verdict, then recorded with its reason and told to the
    strategy as a failure. A candidate whose worker dies is given to another one. Values of known
    objectives are computed here, never taken from the evaluator. Whatever stops the process,
    Ctrl-C and ``kill -9`` included, the run goes on with ``resume``: what was proposed is replayed
    and compared, what is missing is evaluated, and the history becomes that of an undisturbed
    run. A run may be resumed with more ``evals`` than before.

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
        workers: Where evaluations run; in this process if left out. The evaluator then has to be
            made of what other processes can import. Not recorded: a run may be resumed with
            other workers, but only with as many does it take the very same course.
        retries: How often an evaluation that failed is tried again.

    Returns:
        The whole run.

    Raises:
        InfeasibleBudgetError: Nothing found keeps the constraints; nothing is written.
        StrategyError: Strategy, options or seed are not possible; nothing is written.
        ObjectiveError: Objectives or constraints contradict themselves; nothing is written.
        RunError: The folder holds another run, a number is out of range, or the evaluator cannot
            be sent to other processes.
        JournalError: The folder's files are damaged, or replaying them proposes something else.
    """
    for name, count, least in (
        ("evals", evals, 1),
        ("batch_size", batch_size, 1),
        ("retries", retries, 0),
    ):
        if isinstance(count, bool) or not isinstance(count, int) or count < least:
            raise RunError(f"{name} must be an integer of at least {least}, got {count!r}")
    proposer = make_strategy(strategy, space, objectives, constraints, seed, **(options or {}))
    bounds = proposer.constraints
    config = RunConfig(
        space=space.name,
        space_options=plain_json("space_options", space_options),
        strategy=strategy,
        strategy_options=asdict(proposer.options),
        objectives=describe(bounds.objectives),
        constraints=bounds.constraints,
        alternatives=tuple(group for group in bounds.groups if len(group) > 1),
        evals=evals,
        batch_size=batch_size,
        budget=budget,
        seed=proposer.seed,
        context=plain_json("context", context),
        versions=versions_here(),
        created_at=now(),
        notes=plain_json("notes", {**(notes or {}), **proposer.notes}),
    )
    with Journal.open(Path(out_dir), config, resume=resume) as journal:
        if prepare is not None:
            prepare()
        job = Job(evaluator, tuple(g.name for g in bounds.objectives if not g.is_known), budget)
        history = journal.evaluations()
        trace = Trace(journal.folder, bounds.objectives, plain_bounds(journal.config), history)
        with closing(make_workers(workers or WorkerChoice(), job)) as hands, trace:
            Course(proposer, hands, journal, trace, retries, progress).run()
        summary = plain_json("summary", proposer.summary)
        journal.note(SUMMARY, json.dumps(summary) if summary else None)
        history, stopped = journal.evaluations(), journal.noted(STOPPED)
    return SearchResult(
        Path(out_dir), journal.config, bounds.objectives, history, stopped, summary
    )
