from __future__ import annotations

import pytest

from latency import LatencyError
from latency.files import refuse_existing, replace_file


def test_a_file_is_written_with_its_folder_and_over_an_earlier_one(tmp_path):
    path = tmp_path / "new" / "t.jsonl"
    for lines in ([b"one\n", b"two\n"], [b"three\n"]):
        replace_file(path, lines)
        assert path.read_bytes() == b"".join(lines)
    assert [file.name for file in path.parent.iterdir()] == ["t.jsonl"]


def test_a_folder_is_not_replaced(tmp_path):
    with pytest.raises(LatencyError, match="no regular file"):
        replace_file(tmp_path, [b""])


def test_what_exists_is_not_written_over(tmp_path):
    refuse_existing(tmp_path / "none")
    with pytest.raises(LatencyError, match="exists; write to another file by -o"):
        refuse_existing(tmp_path)
