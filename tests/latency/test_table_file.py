from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from latency import (
    LatencyError,
    Row,
    TableError,
    TableMismatchError,
    TableWriter,
    merge_tables,
    read_table,
    write_table,
)
from latency.manifest import SCHEMA
from latency.row_text import encode_json, encode_line

DATA = Path(__file__).parent / "data"


@pytest.fixture
def table(run_profile):
    return run_profile(detectors=2)


@pytest.fixture
def path(table, tmp_path):
    return tmp_path / "t.jsonl"


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
    with pytest.raises(TableError, match=f"line {last}: it ends in the middle of this line"):
        read_table(path)
    opened = _open_manifest(data)
    path.write_bytes(opened[:-40])
    assert read_table(path).rows == table.rows[:-1]
    with TableWriter(path, table.manifest, resume=True) as writer:
        writer.append(table.rows[-1])
    assert read_table(path).rows == table.rows


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_every_cut_of_the_last_line_loses_that_row_only(table, path, cut):
    path.write_bytes(_open_manifest(path.read_bytes())[:-cut])
    assert read_table(path).rows == table.rows[:-1]


def test_damage_is_refused_by_line(table, path):
    lines = _open_manifest(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"{rubbish\n", *lines[4:]]))
    with pytest.raises(TableError, match=r"line 4: this is no JSON"):
        read_table(path)
    row = _fields(lines[2])
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
    data = whole if closed else _open_manifest(whole)
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


def test_tables_of_the_first_schema_are_read(table, path):
    manifest = {**table.manifest.to_dict(), "schema": "detfit.latency-table/1", "sha256": None}
    del manifest["notes"], manifest["sentinel"], manifest["protocol"]["cache"]
    plain = [
        replace(
            row,
            measurement=replace(row.measurement, inputs=1, clocks=None),
            sentinel_ms=None,
            sentinel_drift=None,
        )
        for row in table.rows
    ]
    rows = []
    for row in plain:
        values = row.measurement.to_dict()
        del values["protocol"], values["device"], values["inputs"], values["clocks"]
        workload = row.workload.to_dict()
        rows.append({"workload": workload, "replicate": 0, "measurement": values, "error": None})
    path.write_text("".join(json.dumps(fields) + "\n" for fields in (manifest, *rows)))
    again = read_table(path)
    assert list(again.rows) == plain
    with TableWriter(path, again.manifest, resume=True) as writer:
        writer.close()
    assert json.loads(path.read_bytes().splitlines()[0])["schema"] == SCHEMA
    assert list(read_table(path).rows) == plain


@pytest.mark.parametrize("schema", [1, 2])
def test_files_of_before_are_read(schema, tmp_path):
    """Written by the versions that had these schemas, byte for byte."""
    path = DATA / f"table-schema-{schema}.jsonl"
    table = read_table(path)
    chain, module, failed = table.rows
    assert (chain.workload.role, module.workload.role) == ("chain", "module")
    assert chain.measurement.raw_ms == module.measurement.raw_ms == (0.896875,) * 6
    assert chain.measurement.started_at.startswith("2026-11-20")
    assert (chain.measurement.inputs, chain.measurement.clocks) == (1, None)
    assert chain.measurement.protocol.cache == "chained"
    assert module.measurement.protocol.cache == "warm"
    assert (failed.replicate, failed.error) == (1, "EngineRunError: out of memory")
    assert {(row.attempt, row.refused, row.sentinel_ms) for row in table.rows} == {(0, None, None)}
    assert (table.manifest.sentinel, table.reference_ms) == (None, None)
    for key, measured in table.measurements.items():  # without a sentinel: speed 1
        assert table.normalised_ms(key) == measured.median_ms
    assert len(table.manifest.recipes) == 1
    copy = tmp_path / "copy.jsonl"
    write_table(copy, table)
    assert json.loads(copy.read_bytes().splitlines()[0])["schema"] == SCHEMA
    assert read_table(copy).rows == table.rows


def test_visits_are_told_apart_by_attempt(table, path):
    row = table.rows[0]
    refused = replace(row, replicate=1, refused="busy machine")
    again = replace(row, replicate=1, attempt=1, sentinel_drift=-0.004, exploratory=True)
    with TableWriter(path, table.manifest, resume=True) as writer:
        writer.append(refused)
        writer.append(again)
        writer.close()
    assert read_table(path).rows == (*table.rows, refused, again)
    with TableWriter(path, table.manifest, resume=True) as writer:
        writer.append(again)
    last = len(table.rows) + 4
    with pytest.raises(TableError, match=rf"line {last}: repeats line {last - 1} .*, attempt 1\)"):
        read_table(path)


def test_rows_of_another_sentinel_are_not_mixed(table, path):
    other = replace(table.manifest, sentinel="chain:another")
    with pytest.raises(TableMismatchError, match="sentinel is") as caught:
        TableWriter(path, other, resume=True)
    assert caught.value.fields == ("sentinel",)
    with pytest.raises(TableMismatchError, match="sentinel is"):
        table.merge(replace(table, manifest=other))
    without = replace(table, manifest=replace(table.manifest, sentinel=None))
    for merged in (table.merge(without), without.merge(table)):
        assert merged.manifest.sentinel == table.manifest.sentinel


def test_merging_keeps_attempts_together(table):
    row = table.rows[0]
    visits = (replace(row, refused="busy"), replace(row, attempt=1))
    merged = table.merge(replace(table, rows=visits))
    added = merged.rows[len(table.rows) :]
    assert [(r.replicate, r.attempt, r.refused) for r in added] == [(1, 0, "busy"), (1, 1, None)]
    assert len(merged.replicates(row.workload.key)) == 2


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
        ({"module": "conv"}, "'conv' is no module key"),
        ({"module": "warp(a=1)@1x3x8x8/fp32/b1"}, "unknown module kind 'warp'"),
        ({"workload": {}}, "the row names two things"),
        ({"colour": 1}, "the row has no field colour"),
        ({"measurement": 3}, "measurement must be a JSON object, got 3"),
        ({"measurement": {}}, "Measurement lacks the field block_runs"),
    ],
)
def test_a_wrong_row_of_a_module_is_refused(run_profile, tmp_path, change, message):
    run_profile("isolated.jsonl", detectors=1, isolated=True)
    path = tmp_path / "isolated.jsonl"
    lines = _open_manifest(path.read_bytes()).splitlines(keepends=True)
    index = next(i for i, line in enumerate(lines) if line.startswith(b'{"module":'))
    lines[index] = encode_line(_fields(lines[index]) | change)
    path.write_bytes(b"".join(lines))
    with pytest.raises(TableError, match=f"line {index + 1}: {message}"):
        read_table(path)


def test_a_row_without_a_checksum_is_refused(path):
    lines = _open_manifest(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(lines[0] + json.dumps(_fields(lines[1])).encode() + b"\n")
    with pytest.raises(TableError, match="line 2: the field crc is missing"):
        read_table(path)


def test_unknown_schema_missing_field_and_empty_file(path, tmp_path):
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
    path.write_bytes(b"")
    with pytest.raises(TableError, match="is empty"):
        read_table(path)
    with pytest.raises(TableError, match="there is no table"):
        read_table(tmp_path / "none.jsonl")
    with pytest.raises(TableError, match="cannot be read"):
        read_table(tmp_path)


def test_other_device_or_protocol_is_named(table, path):
    device = replace(table.device, driver="999.9")
    with pytest.raises(TableMismatchError, match=r"device\.driver is 'none' here") as caught:
        TableWriter(path, replace(table.manifest, device=device), resume=True)
    assert caught.value.fields == ("device.driver",)
    protocol = replace(table.protocol, threads=2)
    with pytest.raises(TableMismatchError, match=r"protocol\.threads is 1 here, 2 there"):
        TableWriter(path, replace(table.manifest, protocol=protocol), resume=True)
    with pytest.raises(TableError, match="seed is 7 here, 0 there"):
        TableWriter(path, replace(table.manifest, seed=7), resume=True)


def test_other_software_or_other_chains_are_refused(table, path):
    software = dict(table.manifest.software) | {"torch": "1.0"}
    with pytest.raises(TableError, match="software is"):
        TableWriter(path, replace(table.manifest, software=software), resume=True)
    with pytest.raises(TableError, match="chains for 36 modules, now there are no chains"):
        TableWriter(path, replace(table.manifest, recipes=()), resume=True)
    with TableWriter(path, table.manifest, resume=True):
        pass  # a refusal leaves no lock behind


def test_one_writer_at_a_time(table, path):
    with (
        TableWriter(path, table.manifest, resume=True),
        pytest.raises(TableError, match="written by another process"),
    ):
        TableWriter(path, table.manifest, resume=True)
    assert not path.with_name("t.jsonl.lock").exists()
    assert read_table(path).rows == table.rows


def test_existing_file_needs_resume(table, path):
    with pytest.raises(TableError, match="--resume"):
        TableWriter(path, table.manifest, resume=False)


def test_failures_are_rows(table, path):
    failed = Row(table.rows[0].workload, 5, None, "EngineRunError: out of memory")
    with TableWriter(path, table.manifest, resume=True) as writer:
        writer.append(failed)
    again = read_table(path)
    assert again.rows[-1] == failed
    assert not again.failures  # another replicate of the workload was measured


def test_merge(run_profile, tmp_path):
    a, b = run_profile("a.jsonl", detectors=2), run_profile("b.jsonl", detectors=2)
    merged = merge_tables([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], tmp_path / "ab.jsonl")
    assert len(merged.rows) == len(a.rows) + len(b.rows)
    workload, pooled = merged.detectors()[0]
    assert pooled.raw_ms == a.measurements[workload.key].raw_ms * 2
    other = replace(b, manifest=replace(b.manifest, batch=2))
    with pytest.raises(TableMismatchError, match="batch is 1 here, 2 there"):
        a.merge(other)


def test_tables_of_other_software_are_not_merged(table):
    software = dict(table.manifest.software) | {"torch": "1.0"}
    manifest = replace(table.manifest, software=software)
    with pytest.raises(TableMismatchError, match=r"software\.torch is") as caught:
        table.merge(replace(table, manifest=manifest))
    assert caught.value.fields == ("software.torch",)


def test_merging_joins_recipes_and_notes(run_profile, table):
    held = run_profile("held.jsonl", detectors=3, modules=False, seed=1)
    noted = replace(held, manifest=replace(held.manifest, notes=("taken on a Monday",)))
    for merged in (table.merge(noted), noted.merge(table)):
        assert set(merged.manifest.recipes) == set(table.manifest.recipes)
        assert len(merged.rows) == len(table.rows) + len(held.rows)
        assert "taken on a Monday" in merged.manifest.notes
        assert any("table of seed" in note for note in merged.manifest.notes)
    first, *others = table.manifest.recipes
    (weight, key), *terms = first.terms
    changed = replace(first, terms=((weight / 2, key), *terms))
    other = replace(table, manifest=replace(table.manifest, recipes=(changed, *others)))
    with pytest.raises(TableMismatchError, match=r"the recipe of .* differs"):
        table.merge(other)


def _open_manifest(data: bytes) -> bytes:
    """Return the file as it was before it was closed: line 1 without a hash."""
    first, rest = data.split(b"\n", 1)
    fields = _fields(first)
    del fields["rows"]
    return encode_json(fields | {"sha256": None}) + rest


def _fields(line: bytes) -> dict:
    fields = json.loads(line)
    fields.pop("crc", None)
    return fields


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
    lines = _open_manifest(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], encode_line(_fields(lines[1]) | change)]))
    with pytest.raises(TableError, match=f"line 2: {message}"):
        read_table(path)


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


def test_the_lock_ends_even_if_closing_fails(table, path, monkeypatch):
    class Full:
        def close(self) -> None:
            raise OSError("No space left on device")

    writer = TableWriter(path, table.manifest, resume=True)
    writer._file.close()
    monkeypatch.setattr(writer, "_file", Full())
    with pytest.raises(OSError, match="No space"), writer:
        pass
    assert not path.with_name(path.name + ".lock").exists()


def test_a_change_of_line_1_of_a_closed_table_is_refused(path):
    first, rest = path.read_bytes().split(b"\n", 1)
    manifest = _fields(first)
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


def test_an_open_table_of_before_line_1_had_a_checksum_is_read_and_gone_on_with(table, tmp_path):
    path = tmp_path / "open.jsonl"
    path.write_bytes(encode_json({**table.manifest.to_dict(), "sha256": None}))
    with TableWriter(path, table.manifest, resume=True) as writer:
        writer.append(table.rows[0])
    assert b'"crc"' in path.read_bytes().splitlines()[0]
    assert read_table(path).rows == table.rows[:1]
