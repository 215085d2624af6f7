"""A profile in foreign formats, though no module of it was timed alone."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from latency import (
    FORMATS,
    LatencyTable,
    NothingToExportError,
    Origin,
    export_table,
    fit,
    write_table,
)

Profiler = Callable[..., LatencyTable]
ORIGIN = Origin(device="cpu/additive/1", engine="fake")
OF_MODULES = ("ofa-yaml", "trtexec-json")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "t.jsonl"


@pytest.mark.parametrize("name", OF_MODULES)
def test_costs_inside_a_detector_go_there_and_back(
    run_profile: Profiler, source: Path, tmp_path: Path, name: str
) -> None:
    costs = fit(run_profile()).costs
    path = tmp_path / "out"
    lost = export_table(source, path, name)
    assert lost[0].startswith("cost inside a detector, not timed alone")
    assert path.read_text().count("cost inside a detector, standard deviation") == len(costs)
    again = FORMATS[name].read(path, ORIGIN)
    assert {spec: m.median_ms for spec, m in again.items()} == {
        spec: cost.ms for spec, cost in costs.items()
    }


@pytest.mark.parametrize("name", OF_MODULES)
def test_modules_timed_alone_are_written_unless_costs_are_asked_for(
    run_profile: Profiler, source: Path, tmp_path: Path, name: str
) -> None:
    table = run_profile(isolated=True)
    lost = export_table(source, tmp_path / "alone", name)
    assert not any("inside a detector" in text for text in lost)
    assert "inside a detector" not in (tmp_path / "alone").read_text()
    alone = FORMATS[name].read(tmp_path / "alone", ORIGIN)
    assert alone.keys() == table.keys()
    export_table(source, tmp_path / "inside", name, costs_in_context=True)
    inside = FORMATS[name].read(tmp_path / "inside", ORIGIN)
    assert {spec: m.median_ms for spec, m in inside.items()} == {
        spec: cost.ms for spec, cost in fit(table).costs.items()
    }


def test_csv_holds_both_under_their_roles(
    run_profile: Profiler, source: Path, tmp_path: Path
) -> None:
    table = run_profile(isolated=True)
    costs = fit(table).costs
    path = tmp_path / "t.csv"
    lost = export_table(source, path, "csv")
    assert any(text.startswith("cost inside a detector") for text in lost)
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    solved = [line for line in lines if line["role"] == "in_context"]
    assert {line["module"]: float(line["median_ms"]) for line in solved} == {
        spec.key: cost.ms for spec, cost in costs.items()
    }
    assert len(lines) == len(table.rows) + len(costs)
    again = FORMATS["csv"].read(path, ORIGIN)
    assert {spec: m.raw_ms for spec, m in again.items()} == {
        spec: m.raw_ms for spec, m in table.items()
    }
    (note,) = [text for text in again.manifest.notes if "inside a detector" in text]
    assert note.startswith(f"{len(costs)} costs")


def test_csv_of_whole_detectors_alone(run_profile: Profiler, source: Path, tmp_path: Path) -> None:
    table = run_profile(modules=False, detectors=3)
    export_table(source, tmp_path / "t.csv", "csv")
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 1 + len(table.rows)


def test_nothing_to_write_is_refused(run_profile: Profiler, source: Path, tmp_path: Path) -> None:
    table = run_profile(modules=False, detectors=1)
    path = tmp_path / "out"
    for name in FORMATS:
        with pytest.raises(NothingToExportError, match="holds no chains"):
            export_table(source, path, name, costs_in_context=True)
        if name != "csv":
            with pytest.raises(NothingToExportError, match="0 modules timed alone and 1 chains"):
                export_table(source, path, name)
    empty = tmp_path / "empty.jsonl"
    write_table(empty, replace(table, rows=()))
    with pytest.raises(NothingToExportError, match="holds nothing that csv can"):
        export_table(empty, path, "csv")
    assert not path.exists()


def test_a_profile_holds_no_single_convolutions(
    run_profile: Profiler, source: Path, tmp_path: Path
) -> None:
    run_profile()
    with pytest.raises(NothingToExportError, match="single convolutions"):
        export_table(source, tmp_path / "out", "tinynas-conv")
    assert not (tmp_path / "out").exists()


def test_the_label_is_where_other_programs_do_not_look(
    run_profile: Profiler, source: Path, tmp_path: Path
) -> None:
    run_profile()
    export_table(source, tmp_path / "out.json", "trtexec-json")
    count, *layers = json.loads((tmp_path / "out.json").read_text())
    assert count == {"count": 1}
    assert {"name", "timeMs", "averageMs", "medianMs", "percentage", "remark"} == set(layers[0])
