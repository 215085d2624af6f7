"""Rows as lines of text: what is written, and what is refused by its name."""

from __future__ import annotations

import json

import pytest

from latency import TableError, read_table
from latency.tables.row_text import encode_line
from tests.latency.tables.opened import fields_of, opened


def test_modules_alone_are_written_by_their_key(run_profile, tmp_path):
    table = run_profile("isolated.jsonl", detectors=1, isolated=True)
    lines = (tmp_path / "isolated.jsonl").read_bytes().splitlines()[1:]
    short = [line for line in lines if line.startswith(b'{"module":')]
    assert len(short) == len(table.entries)
    assert read_table(tmp_path / "isolated.jsonl").rows == table.rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"module": 7}, "module must be a key"),
        ({"module": ["a"]}, "module must be a key"),
        ({"module": "conv"}, "module: 'conv' is no module key"),
        ({"module": "warp(a=1)@1x3x8x8/fp32/b1"}, "module: unknown module kind 'warp'"),
        ({"workload": {}}, "the row names two things"),
        ({"colour": 1}, "the row has no field colour"),
        ({"measurement": 3}, "measurement must be a JSON object, got 3"),
        ({"measurement": {}}, "Measurement lacks the field block_runs"),
    ],
)
def test_a_wrong_row_of_a_module_is_refused(run_profile, tmp_path, change, message):
    run_profile("isolated.jsonl", detectors=1, isolated=True)
    path = tmp_path / "isolated.jsonl"
    lines = opened(path.read_bytes()).splitlines(keepends=True)
    index = next(i for i, line in enumerate(lines) if line.startswith(b'{"module":'))
    lines[index] = encode_line(fields_of(lines[index]) | change)
    path.write_bytes(b"".join(lines))
    with pytest.raises(TableError, match=f"line {index + 1}: {message}"):
        read_table(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"replicate": 1.5}, "replicate must be an int >= 0, got 1.5"),
        ({"replicate": -1}, "replicate must be an int >= 0"),
        ({"attempt": -1}, "attempt must be an int >= 0, got -1"),
        ({"attempt": True}, "attempt must be an int >= 0, got True"),
        ({"refused": 3}, "refused must be a text beside a measurement, got 3"),
        ({"measurement": None, "error": "x", "refused": "y"}, "refused must be a text beside"),
        ({"exploratory": 1}, "exploratory must be true or false, got 1"),
        ({"sentinel_ms": 0}, "sentinel_ms must be a finite number > 0, got 0"),
        ({"sentinel_ms": "1"}, "sentinel_ms must be a finite number > 0, got '1'"),
        ({"sentinel_drift": -1.5}, "sentinel_drift must be a finite number > -1, got -1.5"),
        ({"warnings": "slow"}, "warnings must be a list of texts, got 'slow'"),
        ({"warnings": [1]}, "warnings must be a list of texts"),
        ({"measurement": None}, "a row holds either a measurement or the text of an error"),
        ({"error": "out of memory"}, "a row holds either a measurement or the text of an error"),
        (
            {"measurement": None, "error": 7},
            "a row holds either a measurement or the text of an error",
        ),
    ],
)
def test_a_wrong_row_is_refused(path, change, message):
    lines = opened(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], encode_line(fields_of(lines[1]) | change)]))
    with pytest.raises(TableError, match=f"line 2: {message}"):
        read_table(path)


def test_a_row_without_a_checksum_is_refused(path):
    lines = opened(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(lines[0] + json.dumps(fields_of(lines[1])).encode() + b"\n")
    with pytest.raises(TableError, match="line 2: the field crc is missing"):
        read_table(path)
