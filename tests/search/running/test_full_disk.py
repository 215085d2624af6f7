"""A disk that is full in the middle of a search: every result is kept, and the run goes on."""

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search import CallableEvaluator, JournalError, RunError, SearchResult, load_result, run_search
from search.conformance import GOALS, quality
from search.running import config, journal, trace
from search.spaces.digits import DigitSpace

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
EVALS = 30


def search_in(folder: Path) -> SearchResult:
    evaluator = CallableEvaluator(quality, "quality")
    return run_search(
        DigitSpace(),
        "nsga2",
        evaluator,
        GOALS,
        evals=EVALS,
        out_dir=folder,
        resume=True,
        options={"population": 4},
    )


def codes(result: SearchResult) -> list[tuple[str, str]]:
    return [(e.code, repr(e.values)) for e in result.history]


def orders(folder: Path) -> list[str]:
    lines = (folder / trace.TRACE_FILE).read_text().splitlines()
    return [line.partition(",")[0] for line in lines]


def fail_from(call: int, real: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is another one until the disk is full."""
    calls = 0

    def sometimes(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls >= call:
            raise FULL
        return real(*args, **options)

    return sometimes


@pytest.mark.parametrize(("name", "call"), [("write_atomically", 1), ("append_whole", 6)])
def test_a_trace_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, call: int
) -> None:
    whole, folder = search_in(tmp_path / "whole"), tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(trace, name, fail_from(call, getattr(trace, name)))
        with pytest.raises(RunError) as caught:
            search_in(folder)
    assert str(caught.value) == (
        f"{folder / 'trace.csv'}: cannot be written (No space left on device); every result is "
        "in journal.sqlite; make room on the disk, then go on by --resume"
    )
    finished = load_result(folder).finished
    assert len(finished) == (call if name == "append_whole" else 0)
    if finished:
        assert orders(folder) == ["order", *map(str, range(len(finished) - 1))]
    assert codes(search_in(folder)) == codes(whole)
    assert orders(folder) == ["order", *map(str, range(EVALS))]


def test_a_journal_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, folder = search_in(tmp_path / "whole"), tmp_path / "run"

    def limited(path: Path, *, write: bool) -> sqlite3.Connection:
        connection = connect(path, write=write)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own full disk
        return connection

    connect = journal.connect
    with monkeypatch.context() as patch:
        patch.setattr(journal, "connect", limited)
        with pytest.raises(JournalError) as caught:
            search_in(folder)
    assert str(caught.value) == (
        f"{folder / 'journal.sqlite'} cannot be used: database or disk is full; every result "
        "before is kept; make room on the disk, then go on by --resume"
    )
    assert len(load_result(folder).finished) < EVALS
    assert codes(search_in(folder)) == codes(whole)


def test_settings_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(config, "write_atomically", fail_from(1, config.write_atomically))
        with pytest.raises(RunError, match=r"run\.json: cannot be written .*, then try again"):
            search_in(tmp_path / "run")
    assert search_in(tmp_path / "run").complete
