"""Processes that evaluate: what they answer, how they die, that none is left."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from search import RunError
from search.conformance import quality
from search.errors import EvaluationError
from search.spaces.digits import DigitSpace
from search.workers import (
    InlineWorkers,
    Job,
    LocalWorkers,
    Task,
    WorkerChoice,
    make_workers,
    parse_workers,
)
from tests.search.workers.evaluators import Counting, Deadly, Flaky, Unloadable, processes

SPACE = DigitSpace(3, 3)
TASKS = [Task(index, arch) for index, arch in enumerate(SPACE.enumerate())]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def local(log: Path) -> Iterator[LocalWorkers]:
    with closing(LocalWorkers(Job(Counting(log), ("quality",)), 2)) as workers:
        yield workers


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_two_processes_share_the_tasks(local: LocalWorkers, log: Path) -> None:
    outcomes = {}
    waiting = TASKS[:12]
    while waiting or len(outcomes) < 12:
        while waiting and local.free:
            local.submit(waiting.pop(0))
        outcome = local.wait()
        outcomes[outcome.index] = outcome
    assert all(
        outcomes[t.index].values == {"quality": quality(t.architecture)} for t in TASKS[:12]
    )
    assert all(each.error is None and each.seconds >= 0 for each in outcomes.values())
    ids = processes(log)
    assert len(ids) == 2
    assert os.getpid() not in ids
    assert not any(map(gone, ids))
    local.close()
    assert all(map(gone, ids))


def test_a_dead_process_is_an_outcome_and_is_replaced(log: Path) -> None:
    job = Job(Deadly(log, deaths=1), ("quality",))
    with closing(LocalWorkers(job, 1)) as workers:
        workers.submit(TASKS[2])  # 002
        outcome = workers.wait()
        assert outcome.lost
        assert outcome.index == 2
        assert outcome.error is not None
        assert outcome.error.endswith("died by signal 9")
        assert workers.free == 1
        workers.submit(TASKS[2])
        again = workers.wait()
        assert (again.error, again.values) == (None, {"quality": quality(TASKS[2].architecture)})


def test_busy_processes_end_at_once(log: Path) -> None:
    workers = LocalWorkers(Job(Counting(log, seconds=60.0), ("quality",)), 1)
    workers.submit(TASKS[0])
    while not (log.exists() and processes(log)):
        time.sleep(0.01)
    (pid,) = processes(log)
    begin = time.monotonic()
    workers.close()
    assert time.monotonic() - begin < 3.0
    assert gone(pid)


def test_an_evaluator_that_cannot_be_sent_or_loaded_is_one_line(log: Path) -> None:
    def local_function() -> None: ...

    class Local:
        evaluate = staticmethod(local_function)

    with pytest.raises(RunError, match=r"cannot be sent to other processes: .*Local"):
        LocalWorkers(Job(Local(), ("quality",)), 2)  # type: ignore[arg-type]
    with closing(LocalWorkers(Job(Unloadable(), ("quality",)), 1)) as workers:
        workers.submit(TASKS[0])
        with pytest.raises(RunError, match=r"cannot load the evaluator: .*no such GPU here"):
            workers.wait()


def test_more_than_there_is_room_for_is_refused(local: LocalWorkers, log: Path) -> None:
    inline = InlineWorkers(Job(Counting(log), ("quality",)))
    for workers in (local, inline):
        with pytest.raises(RunError, match="nothing is running"):
            workers.wait()
        for task in TASKS[: workers.count]:
            workers.submit(task)
        assert workers.free == 0
        with pytest.raises(RunError, match="wait for"):
            workers.submit(TASKS[5])
        for _ in range(workers.count):
            workers.wait()


def test_a_verdict_of_the_evaluator_is_final_and_other_failures_are_not(log: Path) -> None:
    for error, final in ((EvaluationError, True), (OSError, False)):
        workers = InlineWorkers(Job(Flaky(log, 99, error), ("quality",)))
        workers.submit(TASKS[0])
        outcome = workers.wait()
        assert (outcome.final, outcome.lost) == (final, False)
        assert outcome.error == f"{error.__name__}: the disk was full"
        assert outcome.traceback is not None
        assert "evaluate" in outcome.traceback


def test_workers_are_chosen_by_a_number(log: Path) -> None:
    job = Job(Counting(log), ("quality",))
    assert isinstance(make_workers(parse_workers("1"), job), InlineWorkers)
    assert make_workers(parse_workers("3"), job).count == 3
    for text in ("0", "-1", "two", "", "2.5"):
        with pytest.raises(RunError, match=r"workers (are written|must be)"):
            parse_workers(text)
    with pytest.raises(RunError, match="from 1 to"):
        WorkerChoice(True)
