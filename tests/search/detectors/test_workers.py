"""Detectors that are scored by a supernet in two processes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from search import SearchResult, WorkerChoice

Search = Callable[..., SearchResult]


@pytest.mark.slow
def test_two_processes_score_as_one(
    run_search_in: Search, finished: SearchResult, tmp_path: Path
) -> None:
    result = run_search_in(tmp_path / "run", workers=WorkerChoice(2))
    assert not result.failures
    assert [e.code for e in result.history] == [e.code for e in finished.history]
    assert result.values.tolist() == finished.values.tolist()
