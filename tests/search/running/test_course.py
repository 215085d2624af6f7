"""Runs with several workers: one course whatever is faster, whatever dies, whenever it ends."""

import csv
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import search.running.run
from search import (
    CallableEvaluator,
    Constraint,
    EvaluationError,
    Objective,
    RunError,
    SearchResult,
    WorkerChoice,
    hypervolume,
    load_result,
    run_search,
)
from search.conformance import GOALS, quality
from search.running.trace import TRACE_FILE
from search.spaces.digits import DigitSpace
from search.workers import Job, Outcome, Task
from searchspaces import Architecture
from tests.search.workers.evaluators import Counting, Deadly, Flaky, evaluated

ROOT = Path(__file__).parents[3]
SPACE = DigitSpace(8, 3)
BOUND = Constraint("cost", 9.0)


def search_in(folder: Path, **changes: Any) -> SearchResult:
    usual: dict[str, Any] = {
        "space": SPACE,
        "strategy": "detnas-ea",
        "evaluator": CallableEvaluator(quality, "quality"),
        "objectives": GOALS,
        "constraints": (BOUND,),
        "evals": 24,
        "seed": 3,
        "options": {"population": 6, "parents": 3},
    }
    return run_search(**usual | changes, out_dir=folder)


def story(result: SearchResult) -> list[tuple[Any, ...]]:
    """All that two runs with as many workers have in common; who was faster is none of it."""
    return [(e.index, e.batch, e.code, e.status, repr(e.values), e.error) for e in result.history]


class Shuffled:
    """So many workers in one process, of which a random one is the next to finish."""

    def __init__(self, job: Job, count: int, seed: int, die_after: int = -1) -> None:
        self.count, self._job, self._tasks = count, job, dict[int, Task]()
        self._rng, self._left = np.random.default_rng(seed), die_after

    @property
    def free(self) -> int:
        return self.count - len(self._tasks)

    def submit(self, task: Task) -> None:
        assert self.free > 0
        self._tasks[task.index] = task

    def wait(self) -> Outcome:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1
        index = int(self._rng.choice(sorted(self._tasks)))
        return self._job.run(self._tasks.pop(index))

    def close(self) -> None:
        self._tasks.clear()


def shuffled(
    monkeypatch: pytest.MonkeyPatch, seed: int, die_after: int = -1, count: int = 3
) -> None:
    monkeypatch.setattr(
        search.running.run,
        "make_workers",
        lambda choice, job: Shuffled(job, count, seed, die_after),
    )


@pytest.mark.parametrize(
    ("strategy", "options"),
    [
        ("detnas-ea", {"population": 6, "parents": 3}),
        ("nsga2", {"population": 6}),
        ("ehvi", {"initial": 6, "candidates": 16}),
    ],
)
def test_the_course_does_not_depend_on_who_is_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str, options: dict[str, Any]
) -> None:
    stories, orders = [], set()
    for seed in range(4):
        shuffled(monkeypatch, seed)
        result = search_in(tmp_path / f"{seed}", strategy=strategy, options=options)
        assert result.complete
        stories.append(story(result))
        orders.add(tuple(e.finished_order for e in result.history))
    assert len(orders) == 4
    assert all(each == stories[0] for each in stories)


def test_results_are_told_while_others_are_pending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffled(monkeypatch, 0)
    search_in(tmp_path)
    from search.running.journal import Journal

    with Journal.read(tmp_path) as journal:
        told = [batch.told_before for batch in journal.batches()]
    window = 1 + 2 * 3 - 1
    assert told == [max(0, index - window + 1) for index in range(24)]


@settings(max_examples=6)
@given(kills=st.lists(st.integers(0, 8), max_size=5), seed=st.integers(0, 99))
def test_an_interrupted_run_goes_on_as_if_undisturbed(
    tmp_path_factory: pytest.TempPathFactory, kills: list[int], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as monkeypatch:
        shuffled(monkeypatch, seed=0)
        undisturbed = search_in(folder / "a")
        log = folder / "log"
        for number, after in enumerate(kills):
            shuffled(monkeypatch, seed + number, die_after=after)
            try:
                search_in(folder / "b", evaluator=Counting(log), resume=True)
            except KeyboardInterrupt:
                continue
        shuffled(monkeypatch, seed + 99)
        resumed = search_in(folder / "b", evaluator=Counting(log), resume=True)
    assert story(resumed) == story(undisturbed)
    assert sorted(evaluated(log)) == sorted({e.code for e in resumed.history})  # nothing twice


def test_a_run_may_go_on_with_other_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffled(monkeypatch, 1, die_after=9)
    with pytest.raises(KeyboardInterrupt):
        search_in(tmp_path)
    begun = [e.code for e in load_result(tmp_path).history]
    monkeypatch.undo()
    result = search_in(tmp_path, resume=True)
    assert result.complete
    assert [e.code for e in result.history][: len(begun)] == begun
    assert len({e.code for e in result.history}) == 24


def test_the_space_may_end_while_results_are_pending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffled(monkeypatch, 2)
    tiny: dict[str, Any] = {"space": DigitSpace(2, 2), "constraints": ()}
    result = search_in(tmp_path, **tiny)
    assert result.complete
    assert len(result.history) == 4
    assert result.stopped == "no architecture of digits is left after 4"


# --- processes


def test_two_processes_take_the_same_course(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    result = search_in(tmp_path / "a", evaluator=Counting(log, 0.002), workers=WorkerChoice(2))
    shuffled(monkeypatch, 5, count=2)
    assert story(result) == story(search_in(tmp_path / "b"))
    assert sorted(evaluated(log)) == sorted(e.code for e in result.history)


def test_a_candidate_whose_worker_dies_is_given_to_another(tmp_path: Path) -> None:
    log = tmp_path / "log"
    messages: list[str] = []
    result = search_in(
        tmp_path / "run",
        strategy="random",
        options={},
        evals=8,
        evaluator=Deadly(log, deaths=1),
        workers=WorkerChoice(2),
        progress=lambda message, done, total: messages.append(message),
    )
    assert all(e.status == "ok" for e in result.history)
    deadly = [e for e in result.history if e.code.endswith("2")]
    assert deadly
    for evaluation in deadly:
        (reason,) = evaluation.earlier
        assert "died by signal 9" in reason
        assert evaluated(log).count(evaluation.code) == 2
    assert sum("once more" in message for message in messages) == len(deadly)


def test_a_candidate_that_kills_every_worker_is_a_failure(tmp_path: Path) -> None:
    result = search_in(
        tmp_path / "run",
        space=DigitSpace(1, 3),
        strategy="random",
        options={},
        constraints=(),
        evals=3,
        evaluator=Deadly(tmp_path / "log", deaths=99),
        workers=WorkerChoice(2),
    )
    (failed,) = result.failures
    assert failed.code == "2"
    assert failed.error is not None
    assert "died by signal 9" in failed.error
    assert len(failed.earlier) == 2
    assert evaluated(tmp_path / "log").count("2") == 3


def test_what_fails_is_tried_again_unless_it_is_a_verdict(tmp_path: Path) -> None:
    once: dict[str, Any] = {"strategy": "random", "options": {}, "evals": 3}
    log = tmp_path / "log"
    result = search_in(tmp_path / "a", evaluator=Flaky(log, 1), **once)
    assert [e.earlier for e in result.history] == [("OSError: the disk was full",)] * 3
    assert not result.failures
    result = search_in(tmp_path / "b", evaluator=Flaky(tmp_path / "b.log", 2), **once)
    assert len(result.failures) == 3
    assert evaluated(tmp_path / "b.log") == [e.code for e in result.history for _ in range(2)]
    more = search_in(tmp_path / "c", evaluator=Flaky(tmp_path / "c.log", 2), retries=2, **once)
    assert not more.failures
    final = Flaky(tmp_path / "d.log", 1, EvaluationError)
    assert len(search_in(tmp_path / "d", evaluator=final, **once).failures) == 3
    assert len(evaluated(tmp_path / "d.log")) == 3
    with pytest.raises(RunError, match="retries must be an integer of at least 0"):
        search_in(tmp_path / "e", retries=-1)


# --- kill -9, Ctrl-C


def command(folder: Path, log: Path, seconds: float) -> list[str]:
    arguments = [str(folder), str(log), str(seconds)]
    return [sys.executable, str(ROOT / "tests/search/workers/program.py"), *arguments]


def start(folder: Path, log: Path, seconds: float) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command(folder, log, seconds), env=environment, stderr=subprocess.DEVNULL
    )


def wait_until(condition: Any, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < end
        time.sleep(0.01)


def check_killed(folder: Path, log: Path, deaths: int, undisturbed: SearchResult) -> None:
    resumed = load_result(folder)
    assert resumed.complete
    assert story(resumed) == story(undisturbed)
    begun = evaluated(log)
    assert set(begun) == {e.code for e in resumed.history}
    assert len(begun) - len(set(begun)) <= 2 * deaths  # only what was running, of two workers


def test_a_killed_run_with_two_workers_is_resumed(tmp_path: Path) -> None:
    folder, log = tmp_path / "run", tmp_path / "log"
    process = start(folder, log, 0.02)
    wait_until(lambda: len(evaluated(log)) > 9, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = {e.code for e in load_result(folder).finished}
    before = evaluated(log)
    assert start(folder, log, 0.0).wait() == 0
    again = evaluated(log)[len(before) :]
    assert not finished & set(again)  # nothing that had a result
    undisturbed = tmp_path / "undisturbed"
    assert start(undisturbed, tmp_path / "other", 0.0).wait() == 0
    check_killed(folder, log, 1, load_result(undisturbed))


@pytest.mark.slow
def test_a_run_with_two_workers_is_killed_at_ten_random_moments(tmp_path: Path) -> None:
    folder, log, rng = tmp_path / "run", tmp_path / "log", random.Random(0)
    deaths = 0
    for _ in range(10):
        process = start(folder, log, 0.2)
        time.sleep(rng.uniform(0.3, 3.0))
        process.send_signal(signal.SIGKILL)
        deaths += process.wait() != 0
    assert start(folder, log, 0.0).wait() == 0
    undisturbed = tmp_path / "undisturbed"
    assert start(undisturbed, tmp_path / "other", 0.0).wait() == 0
    check_killed(folder, log, deaths, load_result(undisturbed))
    assert deaths >= 5


def test_ctrl_c_leaves_a_run_to_go_on_with_and_no_process(tmp_path: Path) -> None:
    folder, log = tmp_path / "run", tmp_path / "log"
    process = start(folder, log, 0.05)
    wait_until(lambda: len(evaluated(log)) > 4, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    halfway = load_result(folder)
    assert not halfway.complete
    assert halfway.finished
    count = len(evaluated(log))
    time.sleep(0.3)
    assert len(evaluated(log)) == count  # no worker goes on
    assert start(folder, log, 0.0).wait() == 0
    assert load_result(folder).complete


# --- the trace


def read_trace(folder: Path) -> list[dict[str, str]]:
    with (folder / TRACE_FILE).open(newline="") as file:
        return list(csv.DictReader(file))


def odd_fails(arch: Architecture) -> float:
    if quality(arch) % 2:
        raise EvaluationError("odd")
    return quality(arch)


def test_the_trace_has_a_line_for_every_result(tmp_path: Path) -> None:
    result = search_in(tmp_path, evaluator=CallableEvaluator(odd_fails, "quality"))
    rows = read_trace(tmp_path)
    assert [row["arch"] for row in rows] == [e.code for e in result.history]
    best, volumes = -math.inf, []
    seen: list[tuple[float, ...]] = []
    for row, evaluation in zip(rows, result.history, strict=True):
        assert row["status"] == evaluation.status
        if evaluation.status == "ok":
            assert float(row["quality"]) == evaluation.values[1]
            seen.append(evaluation.values)
        else:
            assert (row["quality"], row["error"]) == ("", "EvaluationError: odd")
        if seen:
            best = max(values[1] for values in seen)
            assert float(row["best_quality"]) == best
            corner = (9.0, min(values[1] for values in seen))
            expected = hypervolume(seen, GOALS, corner)
            assert float(row["hypervolume"]) == pytest.approx(expected, abs=1e-12)
        volumes.append(float(row["hypervolume"]))
    assert volumes == sorted(volumes)


def test_the_trace_is_made_again_where_a_run_goes_on(tmp_path: Path) -> None:
    search_in(tmp_path / "a", evals=10)
    (tmp_path / "a" / TRACE_FILE).write_text("torn")
    search_in(tmp_path / "a", resume=True)
    search_in(tmp_path / "b")
    timeless = [
        [{k: v for k, v in row.items() if k not in ("seconds", "finished_at")} for row in rows]
        for rows in map(read_trace, (tmp_path / "a", tmp_path / "b"))
    ]
    assert timeless[0] == timeless[1]


def test_progress_shows_best_and_hypervolume(tmp_path: Path) -> None:
    messages: list[str] = []
    search_in(tmp_path, progress=lambda message, done, total: messages.append(message))
    last = read_trace(tmp_path)[-1]
    volume = float(last["hypervolume"])
    assert messages[-1].startswith(f"best quality {float(last['best_quality']):g}, hypervolume ")
    assert f"hypervolume {volume:.4g};" in messages[-1]


def test_objectives_may_all_be_known(tmp_path: Path) -> None:
    known = Objective("quality", "max", known=quality)
    result = search_in(tmp_path, strategy="random", options={}, objectives=(GOALS[0], known))
    assert result.complete
    assert json.loads(json.dumps(read_trace(tmp_path)[-1]))["status"] == "ok"
