"""How proposals were made: recorded, read back, and not needed."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from search import CallableEvaluator, JournalError, SearchResult, load_result, run_search
from search.conformance import GOALS, quality
from search.running.database import JOURNAL_FILE
from search.spaces.digits import DigitSpace


def searched(folder: Path, strategy: str = "local", evals: int = 30) -> SearchResult:
    return run_search(
        DigitSpace(8, 3),
        strategy,
        CallableEvaluator(quality, "quality"),
        GOALS,
        evals=evals,
        out_dir=folder,
        seed=5,
        resume=True,
    )


def change(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / JOURNAL_FILE)) as connection, connection:
        connection.execute(statement)


def test_parents_are_read_back_by_their_codes(tmp_path: Path) -> None:
    result = searched(tmp_path / "run")
    assert load_result(tmp_path / "run").history == result.history
    codes: list[str] = []
    for evaluation in result.history:
        assert evaluation.birth is not None
        assert set(evaluation.birth.parents) <= set(codes)
        codes.append(evaluation.code)
    assert sum(bool(e.birth and e.birth.parents) for e in result.history) > 10


def test_a_run_that_is_made_longer_tells_the_same_of_its_beginning(tmp_path: Path) -> None:
    for strategy in ("local", "ehvi"):
        whole = searched(tmp_path / f"{strategy}-whole", strategy)
        searched(tmp_path / strategy, strategy, evals=15)
        longer = searched(tmp_path / strategy, strategy)
        assert [e.birth for e in longer.history] == [e.birth for e in whole.history]


def test_runs_of_earlier_versions_do_not_tell(tmp_path: Path) -> None:
    folder = searched(tmp_path / "run").folder
    change(folder, "DROP TABLE lineage")
    assert all(e.birth is None for e in load_result(folder).history)
    longer = searched(folder, evals=40)  # and goes on
    assert [e.birth is None for e in longer.history] == [True] * 30 + [False] * 10


@pytest.mark.parametrize("damage", ["parents = '{}'", "parents = 'x'", "how = x'00'"])
def test_damage_is_named(tmp_path: Path, damage: str) -> None:
    folder = searched(tmp_path / "run").folder
    change(folder, f"UPDATE lineage SET {damage} WHERE evaluation = 3")
    with pytest.raises(JournalError, match="how proposals were made is damaged"):
        load_result(folder)
