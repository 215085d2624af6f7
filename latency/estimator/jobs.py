"""Work that consists of independent jobs, round by round, spread over the cores.

A plan says in its own order what is to be done: it yields the jobs of one round and is given
what they return. Plans that know nothing of one another share their rounds, so that many small
families keep the cores as busy as a large one does.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
MOST_PROCESSES = 8


@dataclass(frozen=True, slots=True)
class Job:
    """Say what is to be called.

    Attributes:
        call: A function of a module, so that another process finds it by its name.
        given: Its arguments.
        cost: How long it takes, in any unit that all jobs share: the longest begin first.
    """

    call: Callable[..., Any]
    given: tuple[Any, ...]
    cost: float


Plan: TypeAlias = Generator[list[Job], list[Any], T]


def together(plans: Sequence[Plan[T]]) -> Plan[list[T]]:
    """Return a plan whose rounds hold the jobs of all plans' rounds; it returns what they do."""
    found: dict[int, T] = {}
    results: dict[int, list[Any] | None] = dict.fromkeys(range(len(plans)))
    while results:
        asked: dict[int, list[Job]] = {}
        for number, result in results.items():
            try:
                plan = plans[number]
                asked[number] = next(plan) if result is None else plan.send(result)
            except StopIteration as end:
                found[number] = end.value
        answers = iter((yield [job for jobs in asked.values() for job in jobs]) if asked else [])
        results = {number: [next(answers) for _ in jobs] for number, jobs in asked.items()}
    return [found[number] for number in range(len(plans))]


def carry_out(plan: Plan[T], *, processes: bool = False) -> T:
    """Do the jobs of a plan round by round and return what it returns.

    What comes out is the same on any number of cores.

    Args:
        plan: See :func:`together`.
        processes: Whether to spread jobs over processes, which begin slowly (seconds). Without,
            one job follows the other: threads share one interpreter, and two of them take longer
            than one (728 modules on 2 cores: 16 s on one thread, 22 s on two, 11 s in processes).
    """
    spread = _in_processes if processes else _in_turn
    try:
        jobs = next(plan)
        while True:
            order = sorted(range(len(jobs)), key=lambda number: -jobs[number].cost)
            results = spread([jobs[number] for number in order])
            answers = dict(zip(order, results, strict=True))
            jobs = plan.send([answers[number] for number in range(len(jobs))])
    except StopIteration as end:
        found: T = end.value
        return found


def _in_turn(jobs: Sequence[Job]) -> list[Any]:
    return [_done(job) for job in jobs]


def _in_processes(jobs: Sequence[Job]) -> list[Any]:
    """Spread them; where a process is killed, most likely for its memory, do without processes."""
    from concurrent.futures.process import BrokenProcessPool

    from joblib import Parallel, cpu_count, delayed

    workers = min(MOST_PROCESSES, cpu_count())
    parallel = Parallel(workers, backend="loky", batch_size=1, pre_dispatch="all")
    try:
        return list(parallel(delayed(_done)(job) for job in jobs))
    except BrokenProcessPool:
        return _in_turn(jobs)


def _done(job: Job) -> Any:
    """Call it on one core: with few threads small products are fastest, and sums come out alike.

    OpenMP's threads wait for a busy core in circles; its limit holds for the calling thread alone.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return job.call(*job.given)
