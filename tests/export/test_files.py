import hashlib
import json
import os
import tempfile
from pathlib import Path

import pytest

from export import ExportError
from export.files import check_writable, json_bytes, sha256_of, write_atomically
from export.machine import detfit_version, runtime_version, same_version
from searchspaces import sha256_of_file

NOBODY = 65534


def test_hashes_are_sha256(tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    (tmp_path / "f").write_bytes(content)
    assert sha256_of_file(tmp_path / "f") == sha256_of(content)
    assert sha256_of(b"") == hashlib.sha256().hexdigest()


def test_equal_values_give_equal_bytes() -> None:
    assert json_bytes({"b": 1, "a": "ü"}) == json_bytes({"a": "ü", "b": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        json_bytes(float("nan"))


def test_a_name_that_is_no_utf8_is_read_back(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    assert json.loads(json_bytes([name])) == [name]
    assert os.fsencode(json.loads(json_bytes([name]))[0]) == b"caf\xe9.png"


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "f"
    target.write_bytes(b"old")
    write_atomically(target, b"new")
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["f"]


def test_a_failure_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "f"
    target.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ExportError, match="No space left"):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_what_can_be_written_is_not_refused(tmp_path: Path) -> None:
    check_writable(tmp_path / "f")
    check_writable(tmp_path / "deep" / "er" / "f")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("below", ["f", "f/deep/er", "gone", "gone/deep"])
def test_below_a_file_or_a_link_to_nothing_there_is_no_folder(tmp_path: Path, below: str) -> None:
    (tmp_path / "f").write_bytes(b"")
    (tmp_path / "gone").symlink_to("nowhere")
    with pytest.raises(ExportError, match=r"cannot write .*/new: .*(f|gone) is not a folder"):
        check_writable(tmp_path / below / "new")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root to become somebody else")
@pytest.mark.parametrize("name", ["new", "deep/new", "locked/new", "locked/deep/new"])
def test_a_folder_of_somebody_else_is_refused(name: str) -> None:
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are for root alone
        Path(place).chmod(0o755)
        (Path(place) / "locked").mkdir(mode=0o700)
        os.seteuid(NOBODY)
        try:
            with pytest.raises(ExportError, match="no permission to write into"):
                check_writable(Path(place) / name)
        finally:
            os.seteuid(0)


def test_versions_are_those_of_the_packages() -> None:
    import onnxruntime

    assert runtime_version("onnxruntime") == onnxruntime.__version__
    assert runtime_version("no-such-engine") is None
    assert detfit_version()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1.31.1", "1.31.9", False),
        ("10.4.0.26", "10.4.0", True),
        ("1.31.1", "1.32.1", False),
        ("1.31.1", "2.31.1", False),
        ("2.14.1+cu130", "2.14.1", True),
        ("2026.1.0-21447-abc", "2026.1.0", True),
        ("1.3", "1.31", False),
    ],
)
def test_versions_agree_in_three_numbers(one: str, other: str, same: bool) -> None:
    assert same_version(one, other) is same
