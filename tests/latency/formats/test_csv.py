from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from latency import FORMATS, Origin, TableError

ORIGIN = Origin(device="cpu/additive/1", engine="fake")
KEY = (
    "conv(dilation=1,fused_add=0,groups=1,in_channels=3,kernel=3,out_channels=4,stride=1)"
    "@1x3x8x8/fp32/b1"
)


def read(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text)
    return FORMATS["csv"].read(path, ORIGIN)


def test_samples_go_there_and_back(run_profile, tmp_path):
    table = run_profile(detectors=2, isolated=True, replicates=2)
    path = tmp_path / "t.csv"
    lost = FORMATS["csv"].write(table, path)
    others = len(table.workloads) - len(table.entries)
    assert f"{others} chains and whole detectors are written by label" in lost
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(table.rows)
    assert {line["role"] for line in lines} == {"module", "chain", "detector"}
    again = FORMATS["csv"].read(path, ORIGIN)
    assert {spec: m.raw_ms for spec, m in again.items()} == {
        spec: m.raw_ms for spec, m in table.items()
    }
    assert all(len(again.replicates(f"module:{spec.key}")) == 2 for spec in again)
    assert any(f"{2 * others} rows of chains" in note for note in again.manifest.notes)


def test_failures_and_single_values(tmp_path):
    table = read(tmp_path, f'module,median_ms,error\n"{KEY}",0.5,\n"{KEY}",,"out, of memory"\n')
    assert [row.error for row in table.rows] == [None, "out, of memory"]
    (measurement,) = table.values()
    assert measurement.raw_ms == (0.5,)
    assert not measurement.converged
    FORMATS["csv"].write(table, tmp_path / "again.csv")
    again = FORMATS["csv"].read(tmp_path / "again.csv", ORIGIN)
    assert again.rows == table.rows


def test_visits_that_did_not_count_are_left_out_on_reading(tmp_path):
    row = read(tmp_path, f'module,raw_ms\n"{KEY}",0.5 0.7\n').rows[0]
    busy = replace(row, refused="others took 40 % of a processor", sentinel_ms=0.25)
    again = replace(row, attempt=1, sentinel_ms=0.24)
    table = replace(read(tmp_path, f'module,raw_ms\n"{KEY}",1\n'), rows=(busy, again))
    path = tmp_path / "visits.csv"
    FORMATS["csv"].write(table, path)
    with path.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["attempt"], first["counts"], first["refused"]) == ("0", "false", busy.refused)
    assert (second["attempt"], second["counts"], second["refused"]) == ("1", "true", "")
    assert (second["sentinel_ms"], second["delivered"]) == ("0.24", "false")
    found = FORMATS["csv"].read(path, ORIGIN)
    assert [each.measurement.raw_ms for each in found.rows] == [(0.5, 0.7)]
    assert "1 visits that did not count are left out" in found.manifest.notes


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "line 1: the header must name module"),
        ("module,ms\n", "line 1: the header must name module"),
        ("module,median_ms\nconv,1\n", "line 2: module: 'conv' is no module key"),
        (f'module,median_ms\n"{KEY}",-1\n', "line 2: median_ms must be a finite number above 0"),
        (f'module,median_ms\n"{KEY}",\n', "line 2: median_ms must be"),
        (f'module,raw_ms\n"{KEY}",1 x 2\n', "line 2: raw_ms must be .*, got 'x'"),
        (f'module,median_ms\n"{KEY}",1,2\n', "line 2: it has another number of columns"),
        (f'module,median_ms\n"{KEY}"\n', "line 2: it has another number of columns"),
        (f'module,median_ms,converged\n"{KEY}",1,yes\n', "line 2: converged must be true or"),
        (f'module,median_ms,counts\n"{KEY}",1,no\n', "line 2: counts must be true or"),
        (f'module,median_ms\n"{KEY.replace("fp32", "int8")}",1\n', "line 2: .* int8, not fp32"),
        (f'module,median_ms\n"{KEY}"x,1\n', "line 2: "),
    ],
)
def test_a_wrong_line_is_refused_by_line_and_column(tmp_path, text, match):
    with pytest.raises(TableError, match=rf"t.csv, {match}"):
        read(tmp_path, text)
