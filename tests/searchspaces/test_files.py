"""Whole files, and files by their content."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from searchspaces import append_whole, sha256_of_file, write_atomically, writing

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

needs_limits = pytest.mark.skipif(resource is None, reason="this system limits no file's size")


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes: as on a full disk, the first of them are written."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_the_digest_is_that_of_the_content(tmp_path: Path, size: int) -> None:
    content = bytes(index % 251 for index in range(size))
    (tmp_path / "file").write_bytes(content)
    assert sha256_of_file(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sha256_of_file(tmp_path / "file")


def test_write_replaces_the_whole_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_atomically(path, b"long content")
    write_atomically(path, b"short")
    assert path.read_bytes() == b"short"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_told_by_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "a.bin"
    with pytest.raises(FileNotFoundError, match="its folder does not exist") as caught:
        write_atomically(path, b"content")
    assert caught.value.filename == str(path)


def test_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    write_atomically(path, b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_new_files_keep_to_the_umask(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(tmp_path / "whole", b"", durable=False)
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(OSError, match="no regular file"):
            write_atomically(tmp_path / name, b"")
    assert (tmp_path / "pipe").is_fifo()
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_appended_stands_behind_what_is_there(tmp_path: Path) -> None:
    for content in (b"first\n", b"", b"second\n"):
        append_whole(tmp_path / "log", content)
    assert (tmp_path / "log").read_bytes() == b"first\nsecond\n"


@needs_limits
def test_what_finds_no_room_is_not_appended_in_part(tmp_path: Path) -> None:
    path = tmp_path / "log"
    append_whole(path, b"whole\n")
    with room_for(10), pytest.raises(OSError, match="too large"):
        append_whole(path, b"twelve bytes")
    assert path.read_bytes() == b"whole\n"
    append_whole(path, b"twelve bytes")
    assert path.read_bytes() == b"whole\ntwelve bytes"


@needs_limits
def test_a_write_that_finds_no_room_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_atomically(path, b"old")
    with room_for(4), pytest.raises(OSError, match="too large") as caught:
        write_atomically(path, b"longer")
    assert (caught.value.filename, caught.value.filename2) == (str(path), None)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        (errno.ENOSPC, "make room on the disk"),
        (errno.EDQUOT, "make room on the disk"),
        (errno.EACCES, "make it writable"),
    ],
)
def test_what_cannot_be_written_is_one_error_of_the_room(code: int, fix: str) -> None:
    why = f"a.csv: cannot be written ({os.strerror(code)})"
    with pytest.raises(LookupError) as caught, writing(Path("a.csv"), LookupError):
        raise OSError(code, os.strerror(code))
    assert caught.value.args == (f"{why}; {fix}, then try again",)
    assert isinstance(caught.value.__cause__, OSError)
    left = writing(Path("a.csv"), LookupError, lambda: "a row is kept")
    with pytest.raises(LookupError) as caught, left:
        raise OSError(code, os.strerror(code))
    assert caught.value.args == (f"{why}; a row is kept; {fix}, then go on by --resume",)


def test_another_error_stays_as_it_is() -> None:
    with pytest.raises(KeyError), writing(Path("a.csv"), LookupError):
        raise KeyError("no file")
