import os
from pathlib import Path

import pytest

from engines import EngineBuildError
from engines._files import write_atomically


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    assert write_atomically(path, b"one") == path
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    path = write_atomically(tmp_path / "a.bin", b"")
    assert path.stat().st_mode == plain.stat().st_mode


def test_a_failure_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError("disk on fire")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(EngineBuildError, match="disk on fire"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folder_and_folder_as_target(tmp_path: Path) -> None:
    with pytest.raises(EngineBuildError, match=r"the folder .*nowhere does not exist"):
        write_atomically(tmp_path / "nowhere" / "a", b"")
    (tmp_path / "taken").mkdir()
    with pytest.raises(EngineBuildError, match="cannot save"):
        write_atomically(tmp_path / "taken", b"")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]
