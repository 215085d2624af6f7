"""Run a search: everything between a space and the record of what was found in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EvaluatorError, RunError, StrategyError
from ..evaluators import Budget, Evaluator, graded_by
from ..fidelity import WHOLE, Fidelity, Ladder
from ..objectives.objective import Bound, Objective
from ..progress import Progress
from ..strategies import Proposer, StrategyFactory, make_proposer
from ..workers import Job, WorkerChoice, Workers, make_workers
from .config import RunConfig, describe, now, plain_json, versions_here
from .course import Course
from .evaluating import Evaluating
from .journal import Journal
from .result import HALVING, STOPPED, SUMMARY, SearchResult
from .standing import plain_bounds
from .trace import Trace

if TYPE_CHECKING:
    from searchspaces import SearchSpace

GRADED = "graded"  # among the notes of a multi-fidelity run: what a share is counted in

RETRIES = 1
"""Tries after a first one that failed, by default: what failed may be the machine."""


def run_search(
    space: SearchSpace,
    strategy: str | StrategyFactory,
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
    fidelity: Fidelity | None = None,
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
        strategy: A key of ``STRATEGIES``, or the class of any strategy that keeps the contract of
            ``Strategy``.
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
        fidelity: Compares candidates by parts of an evaluation first, rung by rung; only values
            of whole evaluations are results and enter the front. ``None`` evaluates
            every candidate whole.

    Returns:
        The whole run.

    Raises:
        InfeasibleBudgetError: Nothing found keeps the constraints; nothing is written.
        StrategyError: Strategy, options or seed are not possible; nothing is written.
        ObjectiveError: Objectives or constraints contradict themselves; nothing is written.
        RunError: The folder holds another run or cannot be written, a number is out of range, or
            the evaluator cannot be sent to other processes.
        EvaluatorError: Rungs are asked for, and the evaluator knows no part of an evaluation.
        JournalError: The folder's files are damaged, or replaying them proposes something else.
    """
    _check_counts(evals, batch_size, retries)
    proposer = make_proposer(strategy, space, objectives, constraints, seed, options)
    graded = _graded(proposer, evaluator, fidelity, budget)
    bounds = proposer.constraints
    config = RunConfig(
        space=space.name,
        space_options=plain_json("space_options", space_options),
        strategy=proposer.name,
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
        notes=plain_json("notes", {**(notes or {}), **proposer.notes, **graded}),
        fidelity=fidelity,
    )
    with Journal.open(Path(out_dir), config, resume=resume) as journal:
        if prepare is not None:
            prepare()
        job = Job(evaluator, tuple(g.name for g in bounds.objectives if not g.is_known), budget)
        with closing(make_workers(workers or WorkerChoice(), job)) as hands:
            _take_course(proposer, hands, journal, retries, progress)
        return _finished(proposer, journal)


def _take_course(
    proposer: Proposer,
    workers: Workers,
    journal: Journal,
    retries: int,
    progress: Progress | None,
) -> None:
    config, objectives = journal.config, proposer.objectives
    ladder = Ladder(config.fidelity or WHOLE, objectives, proposer.seed)
    history = journal.evaluations()
    trace = Trace(journal.folder, objectives, plain_bounds(config), history)
    evaluating = Evaluating(proposer, workers, journal, trace, ladder.fidelity, retries, progress)
    Course(proposer, ladder, evaluating, journal, workers.count).run()


def _finished(proposer: Proposer, journal: Journal) -> SearchResult:
    """Record what the strategy has to say at the end, and return the whole run."""
    summary = plain_json("summary", proposer.summary)
    journal.note(SUMMARY, json.dumps(summary) if summary else None)
    return SearchResult(
        journal.folder,
        journal.config,
        proposer.objectives,
        journal.evaluations(),
        journal.noted(STOPPED),
        summary,
        halving_stopped=journal.noted(HALVING),
    )


def _graded(
    proposer: Proposer,
    evaluator: Evaluator,
    fidelity: Fidelity | None,
    budget: Budget | None,
) -> dict[str, str]:
    """Return what a share of an evaluation is counted in, for the record.

    Raises:
        EvaluatorError: There is no part of an evaluation, and rungs are asked for.
        StrategyError: The strategy cannot do without the results that halving leaves out.
        RunError: A share is asked for by the budget.
    """
    if budget is not None and budget.share is not None:
        raise RunError(
            f"a share of every evaluation ({budget.share}) is asked for by fidelity, not by the "
            "budget, so that the run knows which values compare"
        )
    if fidelity is None:
        return {}
    if proposer.needs_every_result:
        raise StrategyError(
            f"{proposer.name} needs the result of everything that it proposes, and halving leaves "
            "most of it out; leave the fidelity out, or choose another strategy"
        )
    unit = graded_by(evaluator)
    if unit is None:
        raise EvaluatorError(
            f"{type(evaluator).__name__} knows no part of an evaluation, so that there are no "
            "rungs; take one that trains or scores on images (scratch, supernet), or leave the "
            "fidelity out"
        )
    return {GRADED: unit}


def _check_counts(evals: int, batch_size: int, retries: int) -> None:
    for name, count, least in (
        ("evals", evals, 1),
        ("batch_size", batch_size, 1),
        ("retries", retries, 0),
    ):
        if isinstance(count, bool) or not isinstance(count, int) or count < least:
            raise RunError(f"{name} must be an integer of at least {least}, got {count!r}")
