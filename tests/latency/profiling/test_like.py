"""A table is measured once more: the same workloads, replicates, inputs, made as they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from latency import (
    LatencyTable,
    ProfileConfig,
    ProfileError,
    RecordingError,
    TableError,
    compare_tables,
    merge_tables,
    profile,
    profile_like,
    read_table,
    recording_path,
    write_table,
)
from latency.profiling.agenda import RepeatingAgenda
from latency.profiling.like import USUAL
from searchspaces import SearchSpaceError
from tests.latency.oracle import additive_backend
from tests.latency.profiling.chosen import profiled

Profiler = Callable[..., LatencyTable]


def again(
    before: Path, after: Path, config: ProfileConfig | None = None, **options
) -> LatencyTable:
    like = profile_like(before, config or ProfileConfig(), **options)
    return profile(
        like.space, additive_backend(), like.config, after, space_options=like.space_options
    )


def tasks(table: LatencyTable) -> list[tuple[str, int]]:
    return [row.visit[:2] for row in table.rows]


def test_everything_is_as_before(run_profile: Profiler, tmp_path: Path) -> None:
    before = run_profile(replicates=2, detectors=5, isolated=True, seed=3)
    path, other = tmp_path / "t.jsonl", tmp_path / "again.jsonl"
    like = profile_like(path, ProfileConfig())
    assert (like.engine, like.engine_options) == ("fake", ())
    assert like.config.detectors == 5
    after = again(path, other)
    assert tasks(after) == tasks(before)
    for name in ("space", "seed", "protocol", "batch", "recipes", "inputs", "sentinel", "notes"):
        assert getattr(after.manifest, name) == getattr(before.manifest, name), name
    assert recording_path(other).read_bytes() == recording_path(path).read_bytes()
    assert compare_tables(path, other)["notes"] == []


def test_what_another_plan_left_out_is_left_out_again(
    run_profile: Profiler, tmp_path: Path
) -> None:
    before = run_profile(modules=False, detectors=4)
    part = LatencyTable(before.manifest, before.rows[1:3])
    write_table(tmp_path / "part.jsonl", part)
    like = profile_like(tmp_path / "part.jsonl", ProfileConfig())
    assert not like.config.modules
    assert like.config.detectors == 3
    recording_path(tmp_path / "t.jsonl").rename(recording_path(tmp_path / "part.jsonl"))
    after = again(tmp_path / "part.jsonl", tmp_path / "again.jsonl")
    assert tasks(after) == tasks(part)


@pytest.mark.parametrize("replicates", [1, 2, 4])
def test_replicates_may_be_others(run_profile: Profiler, tmp_path: Path, replicates: int) -> None:
    before = run_profile(replicates=2, detectors=2)
    planned = RepeatingAgenda(before, replicates, 0)
    assert planned.planned(before) == replicates * len(before.workloads)
    after = again(tmp_path / "t.jsonl", tmp_path / "again.jsonl", replicates=replicates)
    common = min(replicates, 2) * len(before.workloads)
    assert tasks(after)[:common] == tasks(before)[:common]
    assert len(set(tasks(after))) == len(after.rows) == replicates * len(before.workloads)
    assert after.workloads.keys() == before.workloads.keys()


def test_a_chosen_profile_is_repeated_as_it_was_chosen(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    whole = profiled(path)
    part = LatencyTable(whole.manifest, whole.rows[:20])
    write_table(path, part)
    like = profile_like(path, ProfileConfig(minutes=1e6))
    assert not like.config.is_active
    assert like.config.detectors == USUAL  # of which it chose some
    after = again(path, tmp_path / "again.jsonl")
    assert tasks(after) == tasks(part)
    assert after.manifest.inputs is None


def test_delivered_engines_are_not_measured_again(run_profile: Profiler, tmp_path: Path) -> None:
    before = run_profile(modules=False, detectors=3)
    path = tmp_path / "t.jsonl"
    delivered = replace(before.rows[0], replicate=1000, delivered=True)
    write_table(path, replace(before, rows=(*before.rows, delivered)))
    after = again(path, tmp_path / "again.jsonl")
    assert tasks(after) == tasks(before)


def test_lost_inputs_are_recorded_again_or_refused(run_profile: Profiler, tmp_path: Path) -> None:
    run_profile(modules=False, detectors=2)
    path = tmp_path / "t.jsonl"
    kept = recording_path(path).read_bytes()
    recording_path(path).unlink()
    after = again(path, tmp_path / "again.jsonl")
    assert recording_path(tmp_path / "again.jsonl").read_bytes() == kept
    assert after.manifest.inputs == read_table(path).manifest.inputs
    with pytest.raises(RecordingError, match="differs from what the table was measured on"):
        again(path, tmp_path / "other.jsonl", ProfileConfig(input_sets=2))
    assert not recording_path(tmp_path / "other.jsonl").exists()
    assert not (tmp_path / "other.jsonl").exists()


def test_minutes_and_resume(run_profile: Profiler, tmp_path: Path) -> None:
    before = run_profile(detectors=2)
    path, other = tmp_path / "t.jsonl", tmp_path / "again.jsonl"
    assert again(path, other, ProfileConfig(minutes=1e-9)).rows == ()
    like = profile_like(path, ProfileConfig())
    after = profile(
        like.space,
        additive_backend(),
        like.config,
        other,
        space_options=like.space_options,
        resume=True,
    )
    assert tasks(after) == tasks(before)
    for key, measured in before.measurements.items():
        assert after.measurements[key].median_ms == pytest.approx(measured.median_ms)
    with pytest.raises(TableError, match="exists"):
        again(path, other)


def test_what_was_not_profiled_is_refused(run_profile: Profiler, tmp_path: Path) -> None:
    table = run_profile(modules=False, detectors=1)
    path = tmp_path / "other.jsonl"
    write_table(path, replace(table, rows=()))
    with pytest.raises(ProfileError, match="holds nothing"):
        profile_like(path, ProfileConfig())
    csv = replace(table.manifest, space={"name": "csv"})
    write_table(path, replace(table, manifest=csv))
    with pytest.raises(SearchSpaceError, match="csv"):
        profile_like(path, ProfileConfig())
    other = replace(table.manifest, space={**table.manifest.space, "num_classes": 4})
    write_table(path, replace(table, manifest=other))
    merge_tables([tmp_path / "t.jsonl", path], tmp_path / "both.jsonl")
    with pytest.raises(ProfileError, match="joined of several spaces"):
        profile_like(tmp_path / "both.jsonl", ProfileConfig())
    with pytest.raises(ProfileError, match="active=False"):
        ProfileConfig(like=path, active=True)


def test_tables_of_two_profiles_are_refused(run_profile: Profiler, tmp_path: Path) -> None:
    first = run_profile(modules=False, detectors=2)
    write_table(tmp_path / "a.jsonl", first)
    (tmp_path / "t.jsonl").unlink()
    second = run_profile(modules=False, detectors=2, seed=1)
    assert first.manifest.inputs != second.manifest.inputs
    both = tmp_path / "both.jsonl"
    merged = merge_tables([tmp_path / "a.jsonl", tmp_path / "t.jsonl"], both)
    assert merged.is_of_several_inputs
    assert merged.manifest.is_of_several_seeds
    with pytest.raises(ProfileError, match="other weights or were given other inputs"):
        profile_like(both, ProfileConfig())
    notes = compare_tables(both, both)["notes"]
    assert any("timed on other inputs" in note for note in notes)
    assert not any("--like" in note for note in notes)


def test_options_are_the_tables_unless_given(run_profile: Profiler, tmp_path: Path) -> None:
    table = run_profile(modules=False, detectors=1)

    def like(version: str, *given: str, engine: str | None = None) -> tuple[str, ...]:
        device = replace(table.device, options="level=5 typing=strong", engine_version=version)
        path = tmp_path / "other.jsonl"
        write_table(path, replace(table, manifest=replace(table.manifest, device=device)))
        found = profile_like(path, ProfileConfig(), engine=engine, engine_options=given)
        return found.engine_options

    assert like("10.4.0") == ("level=5", "typing=strong")
    assert like("10.4.0", "level=1", "cuda=pycuda") == ("level=1", "typing=strong", "cuda=pycuda")
    assert like("10.4.0", "level=1", engine="fake") == ("level=1", "typing=strong")
    assert like("10.4.0", "level=1", engine="torch") == ("level=1",)
    assert like("10.4.0 (timing cache empty)")[-1] == "timing_cache=empty"
    pinned = "10.4.0 (timing cache ba7816bf8f01)"
    with pytest.raises(ProfileError, match=r"ba7816bf8f01.*timing_cache=FILE:SHA256"):
        like(pinned)
    assert like(pinned, "timing_cache=f:0")[-1] == "timing_cache=f:0"


def test_a_table_of_cold_modules_without_any_yet(run_profile: Profiler, tmp_path: Path) -> None:
    table = run_profile(modules=False, detectors=1)
    cold = replace(table.manifest, protocol=replace(table.protocol, cache="cold"))
    path = tmp_path / "cold.jsonl"
    rows = [replace(row, workload=replace(row.workload, role="chain")) for row in table.rows]
    write_table(path, replace(table, manifest=cold, rows=tuple(rows)))
    assert profile_like(path, ProfileConfig()).config.isolated
