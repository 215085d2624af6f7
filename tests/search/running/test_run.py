"""Whole runs: records, failures, resuming, and the death of the process."""

import itertools
import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from search import (
    Budget,
    CallableEvaluator,
    Constraint,
    InfeasibleBudgetError,
    JournalError,
    Objective,
    ObjectiveError,
    RunError,
    SearchResult,
    StrategyError,
    load_result,
    run_search,
)
from search.conformance import COST, GOALS, cost, quality
from search.running.journal import Journal
from search.spaces.digits import DigitSpace
from searchspaces import Architecture

ROOT = Path(__file__).parents[3]
SPACE = DigitSpace(8, 3)
EVALUATOR = CallableEvaluator(quality, "quality")


def search(out_dir: Path, **changes: Any) -> SearchResult:
    usual: dict[str, Any] = {
        "space": SPACE,
        "strategy": "detnas-ea",
        "evaluator": EVALUATOR,
        "objectives": GOALS,
        "constraints": (Constraint("cost", 9.0),),
        "evals": 30,
        "seed": 5,
        "options": {"population": 6, "parents": 3},
    }
    return run_search(**usual | changes, out_dir=out_dir)


def story(result: SearchResult) -> list[tuple[Any, ...]]:
    """All that two equal runs have in common: everything but the clock."""
    return [
        (e.index, e.batch, e.code, e.status, repr(e.values), e.error, e.finished_order)
        for e in result.history
    ]


class Interrupted:
    """An evaluator that is stopped at one evaluation, as Ctrl-C would."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.evaluated: list[Architecture] = []

    def evaluate(self, architecture: Architecture, budget: Budget | None) -> dict[str, float]:
        if len(self.evaluated) == self.at:
            raise KeyboardInterrupt
        self.evaluated.append(architecture)
        return {"quality": quality(architecture)}


def test_a_run_records_everything(tmp_path: Path) -> None:
    messages: list[tuple[str, float, float]] = []
    result = search(tmp_path, progress=lambda *message: messages.append(message))
    assert result.complete
    assert result.stopped is None
    assert [e.index for e in result.history] == list(range(30))
    assert len(set(result.architectures)) == 30
    assert all(e.status == "ok" for e in result.history)
    for e in result.history:
        assert e.values == (cost(e.architecture), quality(e.architecture))
        assert e.values[0] <= 9.0
        assert e.code == SPACE.encode(e.architecture)
    assert [done for _, done, _ in messages] == list(range(1, 31))
    code, (ms, points) = result.history[0].code, result.history[0].values
    assert messages[0][0].endswith(f"; {code}: cost {ms:g}, quality {points:g}")
    assert result.best is not None
    assert result.best.values[1] == max(map(quality, result.architectures))
    assert result.front.within(5).best().values[0] <= 5


def test_a_run_is_read_without_its_objectives(tmp_path: Path) -> None:
    result = search(tmp_path, budget=Budget(epochs=2), context={"data": "shapes"})
    loaded = load_result(tmp_path)
    assert story(loaded) == story(result)
    assert loaded.config == result.config
    assert loaded.config.budget == Budget(epochs=2)
    assert [(p.architecture, p.values) for p in loaded.front] == [
        (p.architecture, p.values) for p in result.front
    ]
    assert loaded.best == result.best  # the accuracy, not the first column
    assert loaded.front.within(5).values.tolist() == result.front.within(5).values.tolist()
    known = loaded.objectives[0]
    assert known.value(result.architectures[0]) == result.values[0, 0]
    with pytest.raises(ObjectiveError, match="has recorded no 'cost'"):
        known.value(Architecture("digits", (9,)))
    assert load_result(tmp_path, GOALS).objectives == GOALS
    with pytest.raises(ObjectiveError, match="not those of the run"):
        load_result(tmp_path, GOALS[::-1])


def test_a_result_is_plain_json(tmp_path: Path) -> None:
    result = search(tmp_path, evaluator=CallableEvaluator(fails_on_odd))
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["complete"] is True
    assert plain["evaluated"] == 30
    assert len(plain["failed"]) == len(result.failures) > 0
    assert plain["front"][0].keys() == {"arch", "cost", "quality"}
    assert len(plain["front"]) == len(result.front)


def fails_on_odd(architecture: Architecture) -> dict[str, float]:
    if cost(architecture) % 2:
        raise ValueError("odd\nand told in two lines")
    return {"quality": quality(architecture), "cost": -1.0}


def test_failures_are_results(tmp_path: Path) -> None:
    result = search(tmp_path, evaluator=CallableEvaluator(fails_on_odd))
    assert result.complete
    assert len(result.history) == 30
    assert {cost(e.architecture) % 2 for e in result.failures} == {1.0}
    for e in result.failures:
        assert e.error == "ValueError: odd and told in two lines"
        assert e.traceback is not None
        assert "fails_on_odd" in e.traceback
        assert all(map(math.isnan, e.values))
    succeeded = [e for e in result.history if e.status == "ok"]
    assert all(e.values[0] == cost(e.architecture) for e in succeeded)  # never the evaluator's
    assert set(result.front.architectures) <= {e.architecture for e in succeeded}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"ap": 1.0}, "EvaluationError: the evaluator gave no 'quality'; it gave ap"),
        ({}, "EvaluationError: the evaluator gave no 'quality'; it gave nothing"),
        ({"quality": math.nan}, "EvaluationError: 'quality' is nan"),
        ({"quality": math.inf}, "EvaluationError: 'quality' is inf"),
    ],
)
def test_an_answer_without_a_number_is_a_failure(
    tmp_path: Path, answer: dict[str, float], reason: str
) -> None:
    result = search(tmp_path, evaluator=CallableEvaluator(lambda arch: answer), evals=3)
    assert [e.error for e in result.failures] == [reason] * 3
    assert result.best is None
    assert len(result.front) == 0


def test_a_known_objective_that_fails_is_a_failure(tmp_path: Path) -> None:
    def unprofiled(arch: Architecture) -> float:
        raise LookupError("module not in the table")

    goals = (Objective("ms", "min", known=unprofiled), GOALS[1])
    result = search(tmp_path, objectives=goals, constraints=(), evals=2)
    assert [e.error for e in result.failures] == ["LookupError: module not in the table"] * 2


def test_nothing_is_evaluated_where_everything_is_known(tmp_path: Path) -> None:
    never = Interrupted(at=0)
    result = search(tmp_path, strategy="random", options={}, objectives=(COST,), evaluator=never)
    assert result.complete


def test_the_space_may_end_first(tmp_path: Path) -> None:
    tiny: dict[str, Any] = {"space": DigitSpace(2, 2), "constraints": (), "batch_size": 3}
    result = search(tmp_path, **tiny)
    assert result.complete
    assert len(result.history) == 4
    assert result.stopped == "no architecture of digits is left after 4"
    assert load_result(tmp_path).stopped == result.stopped
    assert story(search(tmp_path, **tiny, resume=True)) == story(result)


@settings(max_examples=20)
@given(at=st.integers(0, 29), batch_size=st.integers(1, 8))
def test_an_interrupted_run_goes_on_as_if_undisturbed(
    tmp_path_factory: pytest.TempPathFactory, at: int, batch_size: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    undisturbed = search(folder / "a", batch_size=batch_size)
    evaluator = Interrupted(at)
    with pytest.raises(KeyboardInterrupt):
        search(folder / "b", batch_size=batch_size, evaluator=evaluator)
    halfway = load_result(folder / "b")
    assert not halfway.complete
    assert len(halfway.finished) == at
    evaluator.at = -1
    resumed = search(folder / "b", batch_size=batch_size, evaluator=evaluator, resume=True)
    assert story(resumed) == story(undisturbed)
    assert len(evaluator.evaluated) == 30  # nothing twice


class Death(BaseException):
    """The end of the process, without the process."""


@pytest.mark.parametrize("after", [True, False])
def test_death_beside_any_commit_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    undisturbed = search(tmp_path / "undisturbed", evals=5, batch_size=2)
    commits = 3 + 2 * 5  # batches; begin and end of every evaluation
    for fatal in range(commits):
        monkeypatch.setattr(Journal, "_transaction", mortal(fatal, after))
        with pytest.raises(Death):
            search(tmp_path / f"{fatal}", evals=5, batch_size=2)
        monkeypatch.undo()
        resumed = search(tmp_path / f"{fatal}", evals=5, batch_size=2, resume=True)
        assert story(resumed) == story(undisturbed)


def mortal(fatal: int, after: bool) -> Any:
    """Make a journal whose process dies before or after one of its commits."""
    transaction, number = Journal._transaction, itertools.count()

    @contextmanager
    def dying(journal: Journal) -> Iterator[sqlite3.Connection]:
        now = next(number)
        with transaction(journal) as connection:
            yield connection
            if now == fatal and not after:
                raise Death
        if now == fatal:
            raise Death

    return dying


def test_resuming_a_complete_run_changes_nothing(tmp_path: Path) -> None:
    first = search(tmp_path)
    again = search(tmp_path, resume=True, evaluator=Interrupted(at=0))
    assert again.history == first.history


def test_a_run_can_be_made_longer(tmp_path: Path) -> None:
    search(tmp_path / "a", evals=12)
    longer = search(tmp_path / "a", evals=30, resume=True)
    assert story(longer) == story(search(tmp_path / "b"))
    assert load_result(tmp_path / "a").config.evals == 30


def test_a_run_that_does_not_replay_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, evaluator=Interrupted(at=15))
    before = (tmp_path / "run.json").read_bytes(), story(load_result(tmp_path))
    changed = DigitSpace(8, 3, mutation_rate=0.9)
    with pytest.raises(JournalError, match=r"does not replay: evaluation \d+ is \d{8}, but the "):
        search(tmp_path, space=changed, resume=True)
    assert ((tmp_path / "run.json").read_bytes(), story(load_result(tmp_path))) == before


def test_a_run_folder_is_used_once(tmp_path: Path) -> None:
    search(tmp_path, evals=2)
    with pytest.raises(RunError, match="--resume, or choose another -o"):
        search(tmp_path)
    with pytest.raises(RunError, match="begun with seed = 5, now it is 6"):
        search(tmp_path, seed=6, resume=True)


def test_refusals_write_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(InfeasibleBudgetError):
        search(folder, constraints=(Constraint("cost", -1.0),))
    with pytest.raises(StrategyError):
        search(folder, strategy="annealing")
    with pytest.raises(StrategyError):
        search(folder, seed=-1)
    with pytest.raises(ObjectiveError):
        search(folder, objectives=())
    with pytest.raises(RunError, match="context must be plain JSON"):
        search(folder, context={"data": Path()})
    for wrong in ({"evals": 0}, {"evals": 2.5}, {"batch_size": 0}):
        with pytest.raises(RunError, match="must be an integer of at least 1"):
            search(folder, **wrong)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("strategy", "options", "kills"),
    [
        ("detnas-ea", {"population": 8, "parents": 3}, (3, 11, 17)),
        ("ehvi", {"initial": 6, "candidates": 32}, (3, 17)),
    ],
)
def test_killed_runs_are_resumed_exactly(
    tmp_path: Path, strategy: str, options: dict[str, Any], kills: tuple[int, ...]
) -> None:
    """SIGKILL at some moment, several times over, while a table is looked up slowly."""
    table = {SPACE.encode(arch): {"quality": quality(arch)} for arch in SPACE.enumerate()}
    (tmp_path / "table.json").write_text(json.dumps(table))
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), strategy, json.dumps(options)]
    command += [str(tmp_path / "table.json")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    killed = tmp_path / "killed"
    for finished in kills:
        process = subprocess.Popen([*command, str(killed), "0.02"], env=environment)
        wait_for(killed, finished, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not load_result(killed).complete
    for folder in (killed, tmp_path / "undisturbed"):
        subprocess.run([*command, str(folder), "0"], env=environment, check=True)
    resumed, undisturbed = load_result(killed), load_result(tmp_path / "undisturbed")
    assert resumed.complete
    assert len(resumed.failures) == 0
    assert story(resumed) == story(undisturbed)


PROGRAM = """
import json, sys, time
from search import Constraint, TableEvaluator, run_search
from search.conformance import GOALS
from search.spaces.digits import DigitSpace
from search.running.journal import Journal

class Slow:
    def __init__(self, table, seconds):
        self.table, self.seconds = table, seconds
    def evaluate(self, architecture, budget=None):
        time.sleep(self.seconds)
        return self.table.evaluate(architecture, budget)

strategy, options, table, folder, seconds = sys.argv[1:]
space = DigitSpace(8, 3)
run_search(space, strategy, Slow(TableEvaluator.from_file(table, space), float(seconds)), GOALS,
           (Constraint("cost", 9.0),), evals=40, seed=1, out_dir=folder, resume=True,
           batch_size=4, options=json.loads(options))
"""


def wait_for(folder: Path, finished: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the run in the folder has so many results."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, "the run ended before it could be killed"
        if (folder / "journal.sqlite").exists():
            try:
                if len(load_result(folder).finished) >= finished:
                    return
            except JournalError:
                pass  # its tables are being made
        time.sleep(0.01)
    process.kill()
    raise AssertionError(f"no {finished} results within a minute")
