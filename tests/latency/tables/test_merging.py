"""Several tables as one: merged into a new file, or refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from latency import (
    LatencyError,
    LatencyTable,
    TableMismatchError,
    merge_tables,
    read_table,
)
from tests.latency.oracle import additive_backend

RunProfile = Callable[..., LatencyTable]


def test_tables_are_merged_into_a_new_file(run_profile: RunProfile, tmp_path: Path) -> None:
    one, two = run_profile("a.jsonl"), run_profile("b.jsonl", seed=1)
    output = tmp_path / "both.jsonl"
    merged = merge_tables([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], output)
    assert len(merged.rows) == len(one.rows) + len(two.rows)
    assert read_table(output).rows == merged.rows
    with pytest.raises(LatencyError, match="exists; write to another file"):
        merge_tables([tmp_path / "a.jsonl"], output)
    with pytest.raises(LatencyError, match="nothing to merge"):
        merge_tables([], tmp_path / "none.jsonl")


def test_tables_of_other_devices_are_not_merged(run_profile: RunProfile, tmp_path: Path) -> None:
    run_profile("a.jsonl")
    run_profile("b.jsonl", backend=additive_backend(macs_per_ms=3.0, noise=0.01))
    with pytest.raises(TableMismatchError):
        merge_tables([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], tmp_path / "both.jsonl")
    assert not (tmp_path / "both.jsonl").exists()


def test_replicates_of_one_workload_are_pooled_and_batches_stay_apart(run_profile, tmp_path):
    a, b = run_profile("a.jsonl", detectors=2), run_profile("b.jsonl", detectors=2)
    merged = merge_tables([tmp_path / "a.jsonl", tmp_path / "b.jsonl"], tmp_path / "ab.jsonl")
    assert len(merged.rows) == len(a.rows) + len(b.rows)
    workload, pooled = merged.detectors()[0]
    assert pooled.raw_ms == a.measurements[workload.key].raw_ms * 2
    other = replace(b, manifest=replace(b.manifest, batch=2))
    with pytest.raises(TableMismatchError, match="batch is 1 here, 2 there"):
        a.merge(other)


def test_merging_keeps_attempts_together(table):
    row = table.rows[0]
    visits = (replace(row, refused="busy"), replace(row, attempt=1))
    merged = table.merge(replace(table, rows=visits))
    added = merged.rows[len(table.rows) :]
    assert [(r.replicate, r.attempt, r.refused) for r in added] == [(1, 0, "busy"), (1, 1, None)]
    assert len(merged.replicates(row.workload.key)) == 2


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
