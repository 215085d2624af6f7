from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from engines import EngineRunError, FakeBackend
from latency import ProfileConfig, ProfileError, Row, plan_profile, read_table
from tests.latency.oracle import QUICK, additive_backend, true_latency_ms


def test_profile_measures_the_plan_in_order(run_profile, space):
    table = run_profile()
    workloads, recipes = plan_profile(space, ProfileConfig(protocol=QUICK, detectors=8))
    assert [row.workload.key for row in table.rows] == [w.key for w in workloads]
    assert table.manifest.recipes == recipes
    assert len(table.detectors()) == 8
    for workload, measurement in table.detectors():
        assert measurement.median_ms == pytest.approx(true_latency_ms(workload.graph))


def test_isolated_modules_fill_the_mapping(run_profile):
    table = run_profile(isolated=True, detectors=1)
    assert len(table) == len(table.manifest.recipes)
    spec = next(iter(table))
    assert table[spec].median_ms > 0
    assert not len(run_profile("none.jsonl", detectors=1))


def test_replicates_are_pooled_and_reordered(run_profile):
    table = run_profile(replicates=2, detectors=2)
    half = len(table.rows) // 2
    first = [row.workload.key for row in table.rows[:half]]
    second = [row.workload.key for row in table.rows[half:]]
    assert sorted(first) == sorted(second)
    assert first != second
    for m in table.measurements.values():  # recorded inputs take turns: whole turns
        assert len(m.raw_ms) == (12 if m.inputs == 1 else 16)


def test_disturbed_replicates_are_kept_but_not_pooled(run_profile):
    quiet = run_profile(replicates=1, detectors=1, modules=False)
    row = quiet.rows[0]
    slow = replace(row.measurement, raw_ms=tuple(1.15 * ms for ms in row.measurement.raw_ms))
    near = replace(row.measurement, raw_ms=tuple(1.03 * ms for ms in row.measurement.raw_ms))
    rows = (
        replace(row, replicate=1, measurement=slow),
        row,
        replace(row, replicate=2, measurement=near),
    )
    pooled = replace(quiet, rows=rows).measurements[row.workload.key]
    assert pooled.raw_ms == row.measurement.raw_ms + near.raw_ms


def test_resume_adds_what_is_missing_and_nothing_else(run_profile, tmp_path):
    whole = run_profile("whole.jsonl")
    path = tmp_path / "t.jsonl"
    lines = (tmp_path / "whole.jsonl").read_bytes().splitlines(keepends=True)
    path.write_bytes(
        lines[0].replace(whole.manifest.sha256.encode(), b"x").replace(b'"x"', b"null")
    )
    with path.open("ab") as file:
        file.writelines(lines[1:20])
    resumed = run_profile(resume=True)
    assert resumed.rows[:19] == whole.rows[:19]
    assert list(map(_result, resumed.rows)) == list(map(_result, whole.rows))


def test_minutes_end_with_the_best_table_so_far(run_profile):
    table = run_profile(minutes=1e-9)
    assert table.rows == ()
    assert table.manifest.sha256


def test_failed_measurement_is_recorded_and_the_profile_goes_on(run_profile):
    def latency(model) -> float:
        if len(model.graph.nodes) == 4 and model.name != "sentinel":
            raise EngineRunError("out of memory")
        return true_latency_ms(model.graph)

    table = run_profile(backend=FakeBackend(latency_ms=latency, device_name="weak"))
    assert table.failures
    assert all(row.error == "EngineRunError: out of memory" for row in table.failures)
    assert len(table.detectors()) == 8


def test_errors_of_the_runtime_itself_are_recorded_too(run_profile):
    def latency(model) -> float:
        if len(model.graph.nodes) == 4 and model.name != "sentinel":
            raise RuntimeError("CUDA error: out of memory")
        return true_latency_ms(model.graph)

    table = run_profile(backend=FakeBackend(latency_ms=latency, device_name="weak"))
    assert table.failures
    assert len(table.detectors()) == 8


def test_an_engine_that_builds_nothing_is_one_error(run_profile, tmp_path):
    def latency(model) -> float:
        raise EngineRunError("no kernels")

    with pytest.raises(ProfileError, match=r"cannot build the sentinel, .*: no kernels"):
        run_profile(backend=FakeBackend(latency_ms=latency, device_name="broken"))
    assert not (tmp_path / "t.jsonl").exists()


def test_unavailable_engine_and_bad_numbers(run_profile):
    class Missing(FakeBackend):
        def unavailable_reason(self) -> str:
            return "pip install nothing"

    with pytest.raises(ProfileError, match="fake cannot be used here: pip install nothing"):
        run_profile(backend=Missing())
    for change in ({"batch": 0}, {"detectors": -1}, {"replicates": 0}, {"minutes": 0}):
        with pytest.raises(ProfileError, match=next(iter(change))):
            run_profile(**change)
    with pytest.raises(ProfileError, match="nothing to measure"):
        run_profile(modules=False, detectors=0)


_KILLED = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
import latency
from engines import FakeBackend
from latency import ProfileConfig, profile
from searchspaces import make_space
from tests.latency.oracle import OPTIONS, QUICK, true_latency_ms

def slow(model):
    time.sleep(0.05)
    return true_latency_ms(model.graph)

profile(make_space("detnas-nano", **OPTIONS), FakeBackend(latency_ms=slow, device_name="additive"),
        ProfileConfig(protocol=QUICK, replicates=1, detectors=8), Path(sys.argv[1]),
        space_options=OPTIONS, resume=True)
"""


def _killed(path: Path, seconds: float) -> bool:
    """Run the profile, kill it so long after its first row; tell whether it was still running."""
    root = str(Path(__file__).parents[3])
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED.format(root=root), str(path)],
        cwd=root,
        stderr=subprocess.DEVNULL,
    )
    before = lines_of(path)
    deadline = time.monotonic() + 60
    while lines_of(path) < before + 2 and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    time.sleep(seconds)
    running = process.poll() is None
    process.kill()
    process.wait()
    return running


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_a_kill_loses_at_most_the_measurement_under_way(run_profile, tmp_path):
    path = tmp_path / "t.jsonl"
    assert _killed(path, 0.3)
    _check_killed(path, run_profile)


@pytest.mark.slow
def test_ten_kills_lose_at_most_ten_measurements(run_profile, tmp_path, rng):
    path = tmp_path / "t.jsonl"
    kills = 0
    for seconds in rng.uniform(0.0, 0.15, size=10):
        kept = read_table(path).rows if path.exists() else ()
        kills += _killed(path, float(seconds))
        rows = read_table(path).rows
        assert list(map(_result, rows[: len(kept)])) == list(map(_result, kept))
    assert kills == 10
    _check_killed(path, run_profile)


def _check_killed(path: Path, run_profile) -> None:
    """Compare what was kept, and what becomes of it, with an undisturbed profile."""
    kept = read_table(path)
    whole = run_profile("whole.jsonl", backend=additive_backend())
    # Rows follow each other without a gap: only what was under way is missing.
    assert list(map(_result, kept.rows)) == list(map(_result, whole.rows[: len(kept.rows)]))
    assert len(kept.rows) < len(whole.rows)
    resumed = run_profile(resume=True)
    assert list(map(_result, resumed.rows)) == list(map(_result, whole.rows))


def _result(row: Row) -> tuple[object, ...]:
    """Return what a row says without when it was said."""
    return row.workload.key, row.replicate, row.measurement and row.measurement.raw_ms, row.error
