import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from export import BundleError
from export.bundle import strict_json as module
from export.bundle.strict_json import strict_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(VALUES.filter(lambda value: "\\ud" not in json.dumps(value)))
def test_reads_what_the_usual_reader_reads(value: Any) -> None:
    for ascii_only in (False, True):
        content = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "strict")
        assert strict_json(content, "x.json") == value


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"{} {}", "is not JSON"),
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' stands twice"),
        (b'[{"x": {"a": 1, "a": 1}}]', "the key 'a' stands twice"),
        (b"[1e400]", "1e400 is no finite number"),
        (b"[-1e999]", "no finite number"),
        (b"[NaN]", "NaN is no finite number"),
        (b"[-Infinity]", "no finite number"),
        (b"9" * 5000, "5000 digits"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'"\\ud800"', "surrogates"),
        (b'"\xff"', "is not JSON"),
        ('{"a": 1}'.encode("utf-16"), "is not JSON"),
        (b"\xef\xbb\xbf{}", "is not JSON"),
        (b'"\x01"', "is not JSON"),
    ],
)
def test_refuses_what_readers_read_differently(content: bytes, match: str) -> None:
    with pytest.raises(BundleError, match=match) as refused:
        strict_json(content, "x.json")
    assert "x.json" in str(refused.value)
    assert len(str(refused.value)) < 300


def test_refuses_what_is_far_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_JSON_BYTES", 10)
    assert strict_json(b"[" + b" " * 8 + b"]", "x.json") == []
    with pytest.raises(BundleError, match="11 bytes, more than 10"):
        strict_json(b"[" + b" " * 9 + b"]", "x.json")
