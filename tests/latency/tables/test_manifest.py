"""Line 1 of a table: what is read, and what is refused by its name."""

from __future__ import annotations

import json

import pytest

from latency import TableError, read_table


def test_an_unknown_schema_and_a_missing_field_are_refused(path):
    lines = path.read_bytes().splitlines(keepends=True)
    manifest = json.loads(lines[0])
    for change, message in (
        ({"schema": "detfit.latency-table/9"}, "line 1: schema 'detfit.latency-table/9' is not"),
        ({"device": None}, "line 1: the manifest is wrong"),
    ):
        path.write_bytes(json.dumps(manifest | change).encode() + b"\n")
        with pytest.raises(TableError, match=message):
            read_table(path)
    del manifest["protocol"]
    path.write_bytes(json.dumps(manifest).encode() + b"\n")
    with pytest.raises(TableError, match="lacks the field 'protocol'"):
        read_table(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": -1}, "batch must be an int >= 1, got -1"),
        ({"batch": True}, "batch must be an int >= 1, got True"),
        ({"seed": 1.5}, "seed must be an int >= 0"),
        ({"space": {}}, "space must hold a name"),
        ({"space": []}, "line 1: the manifest is wrong"),
        ({"sentinel": 3}, "sentinel must be a text or null, got 3"),
    ],
)
def test_a_wrong_value_in_line_1_is_refused(path, change, message):
    first, rest = path.read_bytes().split(b"\n", 1)
    manifest = json.loads(first) | {"sha256": None} | change
    path.write_bytes(json.dumps(manifest).encode() + b"\n" + rest)
    with pytest.raises(TableError, match=message):
        read_table(path)


def test_a_recipe_without_finite_weights_is_refused(path):
    first, rest = path.read_bytes().split(b"\n", 1)
    for terms in ([], [[float("nan"), "x"]]):
        manifest = json.loads(first) | {"sha256": None}
        manifest["recipes"][0]["terms"] = terms
        path.write_bytes(json.dumps(manifest).encode() + b"\n" + rest)
        with pytest.raises(TableError, match="finite weight"):
            read_table(path)
