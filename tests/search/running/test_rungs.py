"""Multi-fidelity runs: what is recorded and told, and that they go on exactly when killed."""

import csv
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

import search.running.run
from search import (
    Budget,
    CallableEvaluator,
    CompletingEvaluator,
    EvaluatorError,
    Fidelity,
    JournalError,
    RunError,
    SearchResult,
    StrategyError,
    load_result,
    run_progress,
    run_search,
    rung_summary,
)
from search.conformance import COST, GOALS, quality
from search.fidelity import BY_AUDIT, BY_RANK
from search.running.journal import Journal
from search.running.trace import TRACE_FILE
from search.spaces.digits import DigitSpace
from search.strategies import STRATEGIES, StrategyBase
from searchspaces import Architecture
from tests.search.running.test_course import Shuffled
from tests.search.workers.evaluators import Graded, shares_of

ROOT = Path(__file__).parents[3]
SPACE = DigitSpace(6, 3)
RUNGS = Fidelity((0.1, 0.3, 1.0), audit=0.2)


def search_in(folder: Path, **changes: Any) -> SearchResult:
    usual: dict[str, Any] = {
        "space": SPACE,
        "strategy": "nsga2",
        "evaluator": Graded(),
        "objectives": GOALS,
        "evals": 40,
        "seed": 3,
        "options": {"population": 6},
        "fidelity": RUNGS,
    }
    return run_search(**usual | changes, out_dir=folder)


def story(result: SearchResult) -> list[tuple[Any, ...]]:
    """All that two runs with as many workers have in common, on every rung."""
    return [
        (
            e.index,
            e.batch,
            e.code,
            e.status,
            repr(e.values),
            e.error,
            [(r.rung, r.share, r.values, r.promoted) for r in e.rungs],
        )
        for e in result.history
    ]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    return search_in(tmp_path_factory.mktemp("undisturbed") / "run")


def test_only_whole_evaluations_are_results(undisturbed: SearchResult) -> None:
    result = undisturbed
    assert result.complete
    assert len(result.history) == 40
    whole = [e for e in result.history if e.status == "ok"]
    assert 0 < len(whole) < 20
    assert {e.status for e in result.history} == {"ok", "paused"}
    for e in whole:
        assert e.values == (COST.value(e.architecture), quality(e.architecture))
        assert [(r.rung, r.share) for r in e.rungs] == [(0, 0.1), (1, 0.3)]
        assert all(r.promoted in (BY_RANK, BY_AUDIT) for r in e.rungs)
    for e in result.paused:
        assert all(map(math.isnan, e.values))
        assert e.rungs
        assert e.rungs[-1].promoted is None
        assert all(r.values[0] == COST.value(e.architecture) for r in e.rungs)
    assert set(result.front.architectures) <= {e.architecture for e in whole}
    shown = {tuple(point.values) for point in result.front}
    assert shown <= {e.values for e in whole}
    assert result.config.notes["graded"] == "parts"


def test_the_run_is_read_as_it_was_made(undisturbed: SearchResult) -> None:
    loaded = load_result(undisturbed.folder)
    assert story(loaded) == story(undisturbed)
    assert loaded.config.fidelity == RUNGS
    assert loaded.complete
    assert loaded.front.values.tolist() == undisturbed.front.values.tolist()
    progress = run_progress(loaded)
    assert progress.evaluated + progress.paused == 40
    assert progress.left_s == 0.0


def test_the_summary_counts_what_was_spent(undisturbed: SearchResult) -> None:
    summary = rung_summary(undisturbed)
    assert summary is not None
    counts = [each.evaluated for each in summary.rungs]
    assert counts[0] == 40
    assert counts[0] > counts[1] > counts[2] > 0
    for low, high in itertools.pairwise(summary.rungs):
        assert low.sent_on + low.audited == high.evaluated
    assert summary.cost == pytest.approx(0.1 * counts[0] + 0.3 * counts[1] + counts[2])
    assert summary.saved == pytest.approx(40 - summary.cost)
    assert summary.stopped is None
    plain = json.loads(json.dumps(summary.to_dict(), allow_nan=False))
    assert plain["statement"].startswith(f"evaluated 40 at 0.1, {counts[1]} at 0.3")


def test_the_trace_shows_the_rung_of_every_result(undisturbed: SearchResult) -> None:
    with (undisturbed.folder / TRACE_FILE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    results = sum(len(e.rungs) + e.finished for e in undisturbed.history)
    assert [int(row["order"]) for row in rows] == list(range(results))
    for row in rows:
        evaluation = undisturbed.history[int(row["evaluation"])]
        if row["status"] == "paused":
            values = next(r.values for r in evaluation.rungs if r.share == float(row["share"]))
        else:
            assert row["share"] == "1.0"
            values = evaluation.values
        assert (float(row["cost"]), float(row["quality"])) == values
    best = [float(row["best_quality"] or "nan") for row in rows]
    assert best[-1] == max(e.values[1] for e in undisturbed.history if e.status == "ok")


def test_the_strategy_is_told_whole_evaluations_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[float, ...]] = []
    tell = StrategyBase.tell

    def listening(self: StrategyBase, architectures: Any, values: Any) -> None:
        told.extend(map(tuple, values))
        tell(self, architectures, values)

    monkeypatch.setattr(StrategyBase, "tell", listening)
    result = search_in(tmp_path)
    assert sorted(told) == sorted(e.values for e in result.history if e.status == "ok")


def test_a_failure_on_a_rung_is_a_failure(tmp_path: Path) -> None:
    result = search_in(tmp_path, evaluator=Graded(fails_at=0.3), retries=0)
    assert result.complete
    assert result.failures
    for e in result.failures:
        assert [r.promoted for r in e.rungs] == [BY_RANK] or e.rungs[0].promoted == BY_AUDIT
        assert all(map(math.isnan, e.values))
        assert e.error is not None
    assert not [e for e in result.history if e.status == "ok"]
    summary = rung_summary(result)
    assert summary is not None
    assert summary.cost == pytest.approx(0.1 * 40 + 0.3 * len(result.failures))


def test_a_lying_rung_is_noticed(tmp_path: Path) -> None:
    lying = Graded(lies=True)
    result = search_in(tmp_path / "a", evaluator=lying, evals=90, strategy="random", options={})
    assert result.complete
    assert result.halving_stopped is not None
    assert load_result(tmp_path / "a").halving_stopped == result.halving_stopped
    late = [e for e in result.history if not e.rungs]
    assert late
    assert {e.status for e in late} == {"ok"}
    assert min(e.index for e in late) == 90 - len(late)  # all after the first
    summary = rung_summary(result)
    assert summary is not None
    assert summary.warnings
    assert summary.stopped == result.halving_stopped
    told = Fidelity(RUNGS.shares, stop=False, audit=0.2)
    warned = search_in(tmp_path / "b", evaluator=lying, evals=30, fidelity=told)
    assert warned.halving_stopped is None
    assert all(e.rungs for e in warned.history)


CLIMBING = sorted(name for name, each in STRATEGIES.items() if not each.needs_every_result)


@pytest.mark.parametrize("strategy", CLIMBING)
def test_every_other_strategy_climbs(tmp_path: Path, strategy: str) -> None:
    wanted: dict[str, Any] = {"strategy": strategy, "evals": 24, "options": {}}
    if strategy == "ehvi":
        wanted["options"] = {"initial": 6, "candidates": 16}
    result = search_in(tmp_path, **wanted)
    assert result.complete
    assert any(e.status == "ok" for e in result.history)
    again = search_in(tmp_path, **wanted, resume=True)
    assert story(again) == story(result)


# --- killed, and exact


@pytest.mark.parametrize("strategy", ["nsga2", "ehvi"])
def test_the_course_does_not_depend_on_who_is_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    options = {"initial": 6, "candidates": 16} if strategy == "ehvi" else {"population": 6}
    stories = []
    for seed in range(3):
        shuffled(monkeypatch, seed)
        result = search_in(tmp_path / f"{seed}", strategy=strategy, options=options, evals=24)
        assert result.complete
        stories.append(story(result))
    assert stories[1:] == stories[:-1]


@settings(max_examples=3)
@given(
    kills=st.lists(st.integers(0, 9), min_size=1, max_size=4),
    seed=st.integers(0, 99),
    batch_size=st.integers(1, 3),
)
def test_an_interrupted_run_goes_on_as_if_undisturbed(
    tmp_path_factory: pytest.TempPathFactory, kills: list[int], seed: int, batch_size: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    evaluator = Graded(log=folder / "log")
    small: dict[str, Any] = {"evals": 16, "batch_size": batch_size}
    with pytest.MonkeyPatch.context() as monkeypatch:
        shuffled(monkeypatch, seed=0)
        calm = search_in(folder / "a", **small)
        for number, after in enumerate(kills):
            shuffled(monkeypatch, seed + number, die_after=after)
            try:
                search_in(folder / "b", **small, evaluator=evaluator, resume=True)
            except KeyboardInterrupt:
                assert not load_result(folder / "b").complete
        shuffled(monkeypatch, seed + 99)
        resumed = search_in(folder / "b", **small, evaluator=evaluator, resume=True)
    assert story(resumed) == story(calm)
    begun = shares_of(folder / "log")
    assert len(begun) == len(set(begun))  # nothing twice, on any rung


def test_a_run_may_go_on_with_other_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    shuffled(monkeypatch, 1, die_after=14)
    with pytest.raises(KeyboardInterrupt):
        search_in(tmp_path / "run", evaluator=Graded(log=log), evals=20)
    begun = [e.code for e in load_result(tmp_path / "run").history]
    monkeypatch.undo()
    for _ in range(2):  # one worker goes on; then the whole of it replays
        result = search_in(tmp_path / "run", evaluator=Graded(log=log), evals=20, resume=True)
    assert result.complete
    assert [e.code for e in result.history][: len(begun)] == begun
    assert len(shares_of(log)) == len(set(shares_of(log)))


class Death(BaseException):
    """The end of the process, without the process."""


@pytest.mark.parametrize("after", [True, False])
def test_death_beside_any_commit_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    small: dict[str, Any] = {"evals": 3, "fidelity": Fidelity((0.3, 1.0), 2, 0.1)}
    calm = search_in(tmp_path / "calm", **small)
    assert {e.status for e in calm.history} == {"ok", "paused"}
    results = sum(len(e.rungs) + e.finished for e in calm.history)
    promoted = sum(r.promoted is not None for e in calm.history for r in e.rungs)
    commits = 3 + 2 * results + promoted + 2  # asks; begin and end; promotions; two notes
    for fatal in range(commits):
        monkeypatch.setattr(Journal, "_transaction", mortal(fatal, after))
        with pytest.raises(Death):
            search_in(tmp_path / f"{fatal}", **small)
        monkeypatch.undo()
        resumed = search_in(tmp_path / f"{fatal}", **small, resume=True)
        assert story(resumed) == story(calm)
        assert resumed.complete


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


def shuffled(
    monkeypatch: pytest.MonkeyPatch, seed: int, die_after: int = -1, count: int = 3
) -> None:
    monkeypatch.setattr(
        search.running.run,
        "make_workers",
        lambda choice, job: Shuffled(job, count, seed, die_after),
    )


@pytest.mark.slow
def test_a_run_with_two_workers_is_killed_at_five_moments(tmp_path: Path) -> None:
    folder, log = tmp_path / "run", tmp_path / "log"
    for results in (3, 6, 10, 14, 18):
        process = start(folder, log, 0.02)
        end = time.monotonic() + 60
        while len(shares_of(log)) < results:
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < end
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    before, halfway = shares_of(log), load_result(folder)
    known = {(e.code, r.share) for e in halfway.history for r in e.rungs}
    known |= {(e.code, 1.0) for e in halfway.finished}
    assert start(folder, log, 0.0).wait() == 0
    assert not known & set(shares_of(log)[len(before) :])  # nothing that had a result
    assert start(tmp_path / "calm", tmp_path / "other", 0.0).wait() == 0
    resumed = load_result(folder)
    assert resumed.complete
    assert story(resumed) == story(load_result(tmp_path / "calm"))


def start(folder: Path, log: Path, seconds: float) -> subprocess.Popen[bytes]:
    program = str(ROOT / "tests/search/running/climbing.py")
    command = [sys.executable, program, str(folder), str(log), str(seconds)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def test_a_run_can_be_made_longer(tmp_path: Path) -> None:
    first = search_in(tmp_path, evals=15)
    longer = search_in(tmp_path, evals=40, resume=True)
    assert longer.complete
    assert len(longer.history) == 40
    codes = [e.code for e in longer.history]
    assert codes[:15] == [e.code for e in first.history]
    done = {(e.code, r.rung) for e in first.history for r in e.rungs}
    assert done <= {(e.code, r.rung) for e in longer.history for r in e.rungs}


# --- refusals


def test_a_beam_that_needs_every_result_is_refused(tmp_path: Path) -> None:
    assert set(STRATEGIES) - set(CLIMBING) == {"crnas", "crnas-greedy"}
    wanted: dict[str, Any] = {"strategy": "crnas-greedy", "options": {}}
    with pytest.raises(StrategyError, match="crnas-greedy needs the result of everything"):
        search_in(tmp_path, evaluator=CompletingEvaluator(Graded(), SPACE), **wanted)
    assert not list(tmp_path.iterdir())


def test_an_evaluator_without_parts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluatorError, match="CallableEvaluator knows no part of an evaluation"):
        search_in(tmp_path, evaluator=CallableEvaluator(quality, "quality"))
    with pytest.raises(RunError, match="is asked for by fidelity"):
        search_in(tmp_path, budget=Budget(share=0.5))
    assert not list(tmp_path.iterdir())


def test_other_rungs_do_not_go_on_with_a_run(tmp_path: Path) -> None:
    search_in(tmp_path, evals=4)
    other = Fidelity((0.2, 1.0))
    for fidelity in (other, None):
        with pytest.raises(RunError, match="was begun with fidelity"):
            search_in(tmp_path, evals=4, fidelity=fidelity, resume=True)


def test_damage_is_told(tmp_path: Path) -> None:
    result = search_in(tmp_path, evals=12)
    path = tmp_path / "journal.sqlite"
    rests = next(e.index for e in result.paused if len(e.rungs) == 1)

    def execute(command: str) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute(command)
        connection.close()

    execute(f"UPDATE promotions SET evaluation = {rests} WHERE promotion = 0")
    with pytest.raises(JournalError, match=f"does not replay: evaluation {rests} was sent on"):
        search_in(tmp_path, evals=12, resume=True)
    execute("UPDATE promotions SET reason = 'whim' WHERE promotion = 0")
    with pytest.raises(JournalError, match="a promotion is damaged"):
        search_in(tmp_path, evals=12, resume=True)
    execute("UPDATE rung_results SET value_json = '{}' WHERE evaluation = 3")
    with pytest.raises(JournalError, match="a rung's result is damaged"):
        load_result(tmp_path)


def test_a_budget_is_a_share_of_what_there_is() -> None:
    assert Budget(share=0.3).part_of(10) == 3
    assert Budget(share=0.01).part_of(10) == 1
    assert Budget(images=3).part_of(10) == 10
    for share in (0.0, 1.5, -1.0):
        with pytest.raises(EvaluatorError, match="share must lie in"):
            Budget(share=share)


def test_architectures_are_compared_within_their_rung() -> None:
    graded = Graded()
    arch = Architecture("digits", (1, 0, 2, 0, 0, 1))
    low = graded.evaluate(arch, Budget(share=0.1))["quality"]
    assert low != graded.evaluate(arch)["quality"] == quality(arch)
