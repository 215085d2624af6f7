from __future__ import annotations

import os

import pytest

from latency import LatencyError, TableError, TableWriter, read_table, write_table
from latency.tables.row_text import encode_json, encode_line
from tests.latency.tables.opened import fields_of, opened


def test_round_trip(table, path, tmp_path):
    again = read_table(path)
    assert again == table
    write_table(tmp_path / "copy.jsonl", table)
    assert (tmp_path / "copy.jsonl").read_bytes() == path.read_bytes()
    assert again.manifest.sha256


def test_torn_last_line_is_ignored_on_reading_and_repaired_on_resume(table, path):
    data = path.read_bytes()
    path.write_bytes(data[:-40])
    # A closed table that lost bytes is damaged; an open one was killed in mid-write.
    last = len(table.rows) + 1
    with pytest.raises(TableError, match=f"line {last}: it ends in the middle .* field"):
        read_table(path)
    reopened = opened(data)
    path.write_bytes(reopened[:-40])
    assert read_table(path).rows == table.rows[:-1]
    with TableWriter(path, table.manifest, resume=True) as writer:
        writer.append(table.rows[-1])
    assert read_table(path).rows == table.rows


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_every_cut_of_the_last_line_loses_that_row_only(table, path, cut):
    path.write_bytes(opened(path.read_bytes())[:-cut])
    assert read_table(path).rows == table.rows[:-1]


def test_damage_is_refused_by_line(table, path):
    lines = opened(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"{rubbish\n", *lines[4:]]))
    with pytest.raises(TableError, match=r"line 4: this is no JSON"):
        read_table(path)
    broken = lines[3].replace(b'"raw_ms":[', b'"raw_ms":(')
    path.write_bytes(b"".join([*lines[:3], broken, *lines[4:]]))
    with pytest.raises(TableError, match=r"line 4: this is no JSON: .* after the field raw_ms, "):
        read_table(path)
    path.write_bytes(b"".join([*lines[:3], lines[3].replace(b"raw_ms", b"raw_m\xff"), *lines[4:]]))
    with pytest.raises(TableError, match=r"line 4: this is no JSON: .* after the field \w+, col"):
        read_table(path)
    row = fields_of(lines[2])
    row["measurement"]["raw_ms"][0] = -1
    path.write_bytes(b"".join([*lines[:2], encode_line(row), *lines[3:]]))
    with pytest.raises(TableError, match=r"line 3: .*raw_ms"):
        read_table(path)
    path.write_bytes(b"".join([*lines, lines[2]]))
    with pytest.raises(TableError, match=rf"line {len(lines) + 1}: repeats line 3"):
        read_table(path)
    del row["error"]
    path.write_bytes(lines[0] + encode_line(row))
    with pytest.raises(TableError, match="line 2: the row lacks error"):
        read_table(path)


@pytest.mark.parametrize("closed", [True, False])
def test_a_flipped_byte_is_refused_by_its_line(path, tmp_path, closed, rng):
    whole = path.read_bytes()
    data = whole if closed else opened(whole)
    damaged = tmp_path / "damaged.jsonl"
    start = 0 if closed else data.index(b"\n") + 1  # line 1 is sealed when the table is closed
    for place in rng.integers(start, len(data), size=60):
        flipped = bytes([data[place] ^ 1 << int(rng.integers(8))])
        damaged.write_bytes(data[:place] + flipped + data[place + 1 :])
        line = data[:place].count(b"\n") + 1
        if data[place : place + 1] == b"\n" and place == len(data) - 1 and not closed:
            continue  # that is a write cut short
        with pytest.raises(TableError, match=rf"damaged.jsonl, line ({line}|{line + 1}): "):
            read_table(damaged)


def test_a_changed_digit_is_refused_by_its_line(path):
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"block_runs":', b'"block_runs":1', 1)
    path.write_bytes(b"".join(lines))
    with pytest.raises(TableError, match=r"line 4: the field crc is '[0-9a-f]{8}', which is not"):
        read_table(path)
    lines[3] = lines[3].replace(b'"raw_ms":[', b'"raw_ms":[-1,', 1)
    path.write_bytes(b"".join(lines))
    with pytest.raises(TableError, match=r"line 4: Measurement.raw_ms\[0\] must be"):
        read_table(path)


def test_missing_and_foreign_lines_of_a_closed_table_are_refused(path):
    lines = path.read_bytes().splitlines(keepends=True)
    n = len(lines) - 1
    path.write_bytes(b"".join(lines[:-2]))
    with pytest.raises(TableError, match=rf"line {n - 1}: it ends here .* \(rows\) says {n}"):
        read_table(path)
    path.write_bytes(b"".join([*lines[:2], lines[3], lines[2], *lines[4:]]))
    with pytest.raises(TableError, match=r"line 1: .*do not match the hash \(sha256\)"):
        read_table(path)
    path.write_bytes(lines[0][:-20])
    with pytest.raises(TableError, match="line 1: it ends in the middle"):
        read_table(path)


def test_a_change_of_line_1_of_a_closed_table_is_refused(path):
    first, rest = path.read_bytes().split(b"\n", 1)
    manifest = fields_of(first)
    manifest["recipes"][0]["terms"][0][0] *= 2  # would double the cost of a module
    path.write_bytes(encode_json(manifest) + rest)
    with pytest.raises(TableError, match=r"line 1: .*do not match the hash"):
        read_table(path)


def test_a_flipped_bit_of_line_1_of_an_open_table_is_refused(table, tmp_path, rng):
    path = tmp_path / "open.jsonl"
    with TableWriter(path, table.manifest, resume=False) as writer:
        writer.append(table.rows[0])
    whole = path.read_bytes()
    seal = whole.index(b',"crc"')
    for place in rng.integers(0, seal, size=60):
        flipped = bytes([whole[place] ^ 1 << int(rng.integers(8))])
        path.write_bytes(whole[:place] + flipped + whole[place + 1 :])
        with pytest.raises(TableError, match="line 1: "):
            read_table(path)
    path.write_bytes(whole)
    assert read_table(path).rows == table.rows[:1]


def test_deep_nesting_is_refused(path):
    path.write_bytes(b"[" * 200_000)
    with pytest.raises(TableError, match="nested too deeply"):
        read_table(path)


def test_a_pipe_is_not_replaced_by_a_table(table, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # as /dev/null would be, were the tests run by root
    with pytest.raises(LatencyError, match="no regular file"):
        write_table(pipe, table)
    assert pipe.is_fifo()


def test_what_is_no_table_is_refused(path, tmp_path):
    path.write_bytes(b"")
    with pytest.raises(TableError, match="is empty"):
        read_table(path)
    with pytest.raises(TableError, match="there is no table"):
        read_table(tmp_path / "none.jsonl")
    with pytest.raises(TableError, match="cannot be read"):
        read_table(tmp_path)
