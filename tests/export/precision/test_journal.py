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
