from pathlib import Path

import pytest

from detection.data.files import is_file_name, is_number, is_text, json_bytes, read_json
from detection.errors import DatasetError


def test_json_bytes_do_not_depend_on_the_order_of_keys() -> None:
    assert (
        json_bytes({"b": 1, "a": (2,)}) == json_bytes({"a": [2], "b": 1}) == b'{"a":[2],"b":1}\n'
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "not X JSON"), (b"\xff\xfe", "not X JSON"), (b"[" * 10**6, "nested too deeply")],
)
def test_what_is_no_json_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        read_json(path, "X JSON")


def test_texts_can_be_printed() -> None:
    assert is_text("Grün 漢")
    assert not any(map(is_text, ["", " ", "\ud800", None, 3]))


@pytest.mark.parametrize("value", [True, None, "1", float("nan"), float("inf"), -11])
def test_what_is_no_number(value: object) -> None:
    assert not is_number(value, 10)
    assert is_number(-10, 10)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0", "x" * 241, "ä" * 121])
def test_what_cannot_name_a_file(name: str) -> None:
    assert not is_file_name(name)
    assert is_file_name("2008_000008.v1")
