"""Tables written row by row: by one writer at a time, gone on with by the same only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from latency import (
    Row,
    TableError,
    TableMismatchError,
    TableWriter,
    read_table,
)


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


def test_failures_are_rows(table, path):
    failed = Row(table.rows[0].workload, 5, None, "EngineRunError: out of memory")
    with TableWriter(path, table.manifest, resume=True) as writer:
        writer.append(failed)
    again = read_table(path)
    assert again.rows[-1] == failed
    assert not again.failures  # another replicate of the workload was measured


def test_existing_file_needs_resume(table, path):
    with pytest.raises(TableError, match="--resume"):
        TableWriter(path, table.manifest, resume=False)


def test_other_device_or_protocol_is_named(table, path):
    device = replace(table.device, driver="999.9")
    with pytest.raises(TableMismatchError, match=r"line 1: .*device\.driver is") as caught:
        TableWriter(path, replace(table.manifest, device=device), resume=True)
    assert caught.value.fields == ("device.driver",)
    protocol = replace(table.protocol, threads=2)
    with pytest.raises(TableMismatchError, match=r"protocol\.threads is 1 here, 2 there"):
        TableWriter(path, replace(table.manifest, protocol=protocol), resume=True)
    with pytest.raises(TableError, match=r"line 1: .*: seed is 7 here, 0 there"):
        TableWriter(path, replace(table.manifest, seed=7), resume=True)


def test_other_software_or_other_chains_are_refused(table, path):
    software = dict(table.manifest.software) | {"torch": "1.0"}
    with pytest.raises(TableError, match="software is"):
        TableWriter(path, replace(table.manifest, software=software), resume=True)
    with pytest.raises(TableError, match=r"36 modules \(recipes\), now there are no chains"):
        TableWriter(path, replace(table.manifest, recipes=()), resume=True)
    with TableWriter(path, table.manifest, resume=True):
        pass  # a refusal leaves no lock behind


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


def test_one_writer_at_a_time(table, path):
    with (
        TableWriter(path, table.manifest, resume=True),
        pytest.raises(TableError, match="written by another process"),
    ):
        TableWriter(path, table.manifest, resume=True)
    assert not path.with_name("t.jsonl.lock").exists()
    assert read_table(path).rows == table.rows


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
