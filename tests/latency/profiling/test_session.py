from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from engines import CHAINED, COLD, WARM, EngineRunError, TimingProtocol
from engines.clocks import ClockReading, Clocks
from latency import (
    DETECTOR,
    MODULE,
    FixedAgenda,
    LatencyTable,
    Manifest,
    ProfileConfig,
    ProfileError,
    Row,
    Task,
    describe_table,
    plan_profile,
    profile,
    read_table,
)
from latency.profiling import site as module
from latency.profiling.session import REPEAT_AFTER, to_repeat
from latency.profiling.site import refusal
from latency.tables.pooling import MAX_ATTEMPTS
from latency.workloads.sentinel import Reading
from tests.latency.machine import STEADY, Machine
from tests.latency.oracle import OPTIONS, true_latency_ms

QUIET = Reading(2.0, 0.0, 0.001)


@pytest.fixture
def measure(run_profile):
    def measure(speed=lambda now_ms: 1.0, noise=0.0, **changes):
        return run_profile(
            backend=Machine(speed, noise),
            **({"protocol": STEADY, "modules": False, "detectors": 5} | changes),
        )

    return measure


def test_a_steady_machine_refuses_nothing(measure):
    table = measure(replicates=2)
    assert len(table.rows) == 10
    assert not table.refused
    assert {row.attempt for row in table.rows} == {0}
    assert all(row.sentinel_ms == table.reference_ms for row in table.rows)
    assert all(row.sentinel_drift == 0.0 for row in table.rows)
    assert table.manifest.sentinel == module.sentinel_workload("fp32").key
    for workload, measured in table.detectors():
        assert measured.median_ms == pytest.approx(true_latency_ms(workload.graph))
        assert table.normalised_ms(workload.key) == pytest.approx(measured.median_ms)


def test_slow_drift_is_undone(measure):
    table = measure(lambda now_ms: 1.0 + 2e-6 * now_ms, noise=0.002, detectors=16)
    assert not table.refused
    sentinels = [row.sentinel_ms for row in table.rows]
    assert max(sentinels) / min(sentinels) > 1.02
    raw, normalised = [], []
    for workload, measured in table.detectors():
        true = true_latency_ms(workload.graph)
        raw.append(measured.median_ms / true)
        normalised.append(table.normalised_ms(workload.key) / true)
    assert np.std(raw) > 4 * np.std(normalised)
    assert np.std(normalised) / np.mean(normalised) < 0.002
    assert np.mean(normalised) == pytest.approx(np.median(raw), rel=0.01)


def test_a_step_refuses_its_visit_which_is_repeated(measure, tmp_path):
    table = measure(lambda now_ms: 1.0 if now_ms < 600 else 1.05)
    (refused,) = table.refused
    assert refused.measurement is not None
    assert "the sentinel moved by +5.0%" in refused.refused
    again = [row for row in table.rows if row.visit[:2] == refused.visit[:2]]
    assert [(row.attempt, row.refused is None) for row in again] == [(0, False), (1, True)]
    assert table.rows[-1] is again[-1]  # after everything else
    assert table.measurements[refused.workload.key] == again[-1].measurement
    assert refused not in table.counted
    assert not table.disturbed
    assert read_table(tmp_path / "t.jsonl") == table
    fields = describe_table(table)
    assert fields["refused"] == [f"{refused.workload.label}, replicate 0: {refused.refused}"]
    assert fields["sentinel"]["slowest_pct"] == pytest.approx(0.0)
    assert fields["sentinel"]["fastest_pct"] == pytest.approx(0.0)
    assert fields["sentinel"]["reference_ms"] == table.reference_ms


def slackening(now_ms: float) -> float:
    """6 % slower with every second."""
    return math.exp(6e-5 * now_ms)


def test_after_three_refusals_the_quietest_counts(measure):
    table = measure(slackening, detectors=2)
    visits = Counter(row.visit[:2] for row in table.rows if row.refused)
    assert max(visits.values()) == MAX_ATTEMPTS
    for key, measured in table.measurements.items():
        rows = [row for row in table.rows if row.workload.key == key]
        (counted,) = [row for row in table.counted if row.workload.key == key]
        if all(row.refused for row in rows):
            assert len(rows) == MAX_ATTEMPTS
            assert not measured.converged
            assert table.workloads[key].label in table.disturbed
            speeds = [row.measurement.median_ms / row.sentinel_ms for row in rows]
            assert counted.measurement.median_ms / counted.sentinel_ms == min(speeds)


def test_an_exploratory_session_goes_on(measure):
    table = measure(slackening, detectors=3, exploratory=True)
    assert len(table.rows) == 3
    assert table.refused
    assert all(row.exploratory for row in table.rows)
    assert len(table.measurements) == 3
    assert describe_table(table)["exploratory"] == 3
    assert {row.workload.label for row in table.refused} <= set(table.disturbed)


@pytest.mark.parametrize("kept", range(1, 9))
def test_resuming_remembers_refusals(measure, tmp_path, kept):
    whole = measure(slackening, detectors=3)
    lines = (tmp_path / "t.jsonl").read_bytes().splitlines(keepends=True)
    head = lines[0].replace(f'"{whole.manifest.sha256}"'.encode(), b"null")
    (tmp_path / "t.jsonl").write_bytes(b"".join([head, *lines[1 : 1 + kept]]))
    resumed = measure(slackening, detectors=3, resume=True)
    assert resumed.rows[: min(kept, len(whole.rows))] == whole.rows[:kept]
    assert {row.visit[:2] for row in resumed.rows} == {row.visit[:2] for row in whole.rows}
    assert len({row.visit for row in resumed.rows}) == len(resumed.rows)
    assert len(resumed.measurements) == 3
    for visit in {row.visit[:2] for row in resumed.rows}:
        rows = [row for row in resumed.rows if row.visit[:2] == visit]
        assert [row.attempt for row in rows] == list(range(len(rows)))
        assert len(rows) <= MAX_ATTEMPTS
        assert all(row.refused for row in rows[:-1])


def test_a_refused_task_is_repeated_after_others(measure):
    table = measure(lambda now_ms: 1.0 if now_ms < 600 else 1.05, detectors=20)
    (first, again) = (
        index for index, row in enumerate(table.rows) if row.visit[:2] == table.rows[0].visit[:2]
    )
    assert again - first == REPEAT_AFTER + 1


@pytest.fixture
def measured(measure):
    return measure(detectors=1).rows[0].measurement


def test_what_refuses_a_visit(measured):
    on_cpu = replace(
        measured, device=replace(measured.device, kind="cpu"), processors=2.0, others_busy=1.0
    )
    assert refusal(on_cpu, QUIET) is None
    assert refusal(replace(on_cpu, others_busy=1.4), QUIET).startswith("busy machine")
    hot = Clocks(ClockReading(), ClockReading(throttle=("power brake",)))
    both = replace(on_cpu, clocks=hot, others_busy=1.4)
    assert refusal(replace(on_cpu, clocks=hot), QUIET) == "throttled: power brake"
    moved = Reading(2.0, -0.03, 0.001)
    assert refusal(both, moved).count("; ") == 2
    assert "moved by -3.0%" in refusal(on_cpu, moved)
    assert refusal(on_cpu, Reading(2.0, 0.03, 0.02)) is None


def test_what_is_to_be_repeated(measured):
    workload = plan_workload()
    refused = Row(workload, 0, measured, refused="busy")
    manifest = Manifest(measured.device, STEADY, 1, {"name": "a"}, {}, 0)

    def waiting(*rows):
        return to_repeat(LatencyTable(manifest, rows))

    other = Row(workload, 1, measured)
    assert waiting(refused, other) == [(Task(workload, 0), 1)]
    assert waiting(refused, replace(refused, attempt=1, refused=None)) == []
    assert waiting(refused, Row(workload, 0, None, "failed", attempt=1)) == []
    assert waiting(replace(refused, exploratory=True)) == []
    assert waiting(*(replace(refused, attempt=i) for i in range(MAX_ATTEMPTS))) == []
    late = replace(refused, replicate=2)
    assert [task.replicate for task, _ in waiting(refused, other, late)] == [0, 2]


def plan_workload():
    return module.sentinel_workload("fp32")


def test_a_failure_ends_the_attempts(measured):
    workload = plan_workload()
    manifest = Manifest(measured.device, STEADY, 1, {"name": "a"}, {}, 0)
    refused = Row(workload, 0, measured, refused="busy")
    failed = Row(workload, 0, None, "EngineRunError: gone", attempt=1)
    alone = LatencyTable(manifest, (refused,))
    assert not alone.measurements
    assert not alone.failures
    table = LatencyTable(manifest, (refused, failed))
    assert table.counted == (refused,)
    assert not table.failures


def test_an_overloaded_machine_is_not_measured_on(measure, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "overload_reason", lambda device, threads: "others work here")
    with pytest.raises(ProfileError, match=r"others work here; .* --exploratory"):
        measure()
    assert not (tmp_path / "t.jsonl").exists()
    assert measure(exploratory=True).rows


def test_an_agenda_of_ones_own(space, tmp_path):
    config = ProfileConfig(protocol=STEADY, detectors=3, modules=False)
    workloads, _ = plan_profile(space, config)

    class Backwards:
        def next(self, table):
            taken = {row.workload.key for row in table.rows}
            return next((Task(w) for w in workloads[::-1] if w.key not in taken), None)

        def planned(self, table):
            return None

    told = []
    table = profile(
        space,
        Machine(),
        config,
        tmp_path / "t.jsonl",
        space_options=OPTIONS,
        agenda=Backwards(),
        progress=lambda *args: told.append(args),
    )
    assert [row.workload for row in table.rows] == list(workloads[::-1])
    assert [done for _, done, _ in told] == [0, 1, 2, 4]
    assert all(0 <= done <= total for _, done, total in told)

    class Stuck(Backwards):
        def next(self, table):
            return Task(workloads[0])

    with pytest.raises(ProfileError, match=r"asks again for .* must look at the table"):
        profile(
            space,
            Machine(),
            config,
            tmp_path / "stuck.jsonl",
            space_options=OPTIONS,
            agenda=Stuck(),
        )
    assert len(read_table(tmp_path / "stuck.jsonl").rows) == 1
    assert FixedAgenda(workloads, 2, 0).planned(table) == 6


def test_cache_modes_are_recorded(measure, tmp_path):
    table = measure(modules=True, isolated=True, detectors=1)
    caches = {row.workload.role: row.measurement.protocol.cache for row in table.rows}
    assert caches == {MODULE: WARM, "chain": CHAINED, DETECTOR: CHAINED}
    assert b'"cache"' not in (tmp_path / "t.jsonl").read_bytes().split(b"\n", 1)[1]
    assert read_table(tmp_path / "t.jsonl") == table


def test_cold_modules(run_profile, tmp_path):
    cold = replace(STEADY, cache=COLD)
    table = run_profile(backend=Machine(), protocol=cold, isolated=True, detectors=1)
    caches = {row.workload.role: row.measurement.protocol.cache for row in table.rows}
    assert caches == {MODULE: COLD, "chain": CHAINED, DETECTOR: CHAINED}
    assert read_table(tmp_path / "t.jsonl") == table
    with pytest.raises(ProfileError, match="--isolated"):
        ProfileConfig(protocol=TimingProtocol(cache=COLD))
    with pytest.raises(ProfileError, match="must be warm or cold"):
        ProfileConfig(protocol=TimingProtocol(cache=CHAINED))


def test_the_sentinel_must_work(run_profile):
    class Broken(Machine):
        def build(self, *args, **options):
            raise EngineRunError("no kernels")

    with pytest.raises(ProfileError, match=r"cannot build the sentinel, .*: no kernels"):
        run_profile(backend=Broken())
