"""Tables that earlier versions wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from latency import TableWriter, read_table, write_table
from latency.tables.manifest import SCHEMA
from latency.tables.row_text import encode_json

DATA = Path(__file__).parent / "data"


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


def test_an_open_table_of_before_line_1_had_a_checksum_is_read_and_gone_on_with(table, tmp_path):
    path = tmp_path / "open.jsonl"
    path.write_bytes(encode_json({**table.manifest.to_dict(), "sha256": None}))
    with TableWriter(path, table.manifest, resume=True) as writer:
        writer.append(table.rows[0])
    assert b'"crc"' in path.read_bytes().splitlines()[0]
    assert read_table(path).rows == table.rows[:1]
