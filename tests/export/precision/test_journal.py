import errno
import os
from pathlib import Path

import pytest

from export.errors import PrecisionError
from export.precision.journal import Journal
from export.precision.meter import Loss

LOSS = Loss(1.25, None, False)
KEPT = Loss(0.1, 0.3, True, 0.97)


def test_losses_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    journal = Journal(path, "subject")
    journal.put(frozenset("ab"), LOSS)
    journal.put((), KEPT)
    again = Journal(path, "subject")
    assert again.get({"b", "a"}) == LOSS
    assert again.get(()) == KEPT
    assert again.get({"a"}) is None
    again.remove()
    assert not path.exists()


def test_another_subject_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    Journal(path, "one").put((), LOSS)
    assert Journal(path, "two").get(()) is None
    assert Journal(path, "one").get(()) is None


def test_a_torn_line_is_dropped_and_the_log_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    journal = Journal(path, "subject")
    journal.put("a", LOSS)
    journal.put("b", KEPT)
    content = path.read_text()
    for cut in range(len(content) - 1, content.index("\n", content.index("\n") + 1), -1):
        path.write_text(content[:cut])
        torn = Journal(path, "subject")
        assert torn.get("a") == LOSS
        assert torn.get("b") is None
    torn.put("b", KEPT)
    assert Journal(path, "subject").get("b") == KEPT


def test_other_damage_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    journal = Journal(path, "subject")
    journal.put("a", LOSS)
    path.write_text(path.read_text().replace('{"high"', '{"high', 1) + "\n")
    with pytest.raises(PrecisionError, match="is damaged; delete it"):
        Journal(path, "subject")
    path.write_text("my notes\n")
    with pytest.raises(PrecisionError, match="is no log of a search"):
        Journal(path, "subject")
    assert path.read_text() == "my notes\n"
    with pytest.raises(PrecisionError, match="cannot keep the log"):
        Journal(path / "log.jsonl", "subject")


@pytest.mark.parametrize(
    "line", ['{"points": 1.0}', '{"kept": "a"}', "[1]", '{"kept": "a", "shade": 1}']
)
def test_a_line_that_holds_no_loss_is_damage(tmp_path: Path, line: str) -> None:
    path = tmp_path / "log.jsonl"
    Journal(path, "subject").put("a", LOSS)
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(PrecisionError, match="is damaged; delete it"):
        Journal(path, "subject")


def test_bytes_that_are_no_text_are_no_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(PrecisionError, match="is no log of a search"):
        Journal(path, "subject")


def test_a_log_is_begun_anew_whole_or_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.jsonl"
    Journal(path, "one").put((), LOSS)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(PrecisionError, match=r"cannot keep the log .*: disk full"):
        Journal(path, "two")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
