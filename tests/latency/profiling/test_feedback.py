from __future__ import annotations

from dataclasses import replace

import pytest

from engines import CHAINED, FakeBackend, TimingProtocol
from latency import (
    DETECTOR,
    Sentinel,
    TableError,
    TableMismatchError,
    TableWriter,
    Visit,
    WholeDetector,
    Workload,
    WorkloadModel,
    check_feedback,
    describe_table,
    evaluate,
    feed_back,
    fit,
    read_table,
    table_protocol,
)
from latency.profiling.feedback import FIRST
from tests.latency.oracle import QUICK, additive_backend, true_latency_ms

NOTE = "measured as exported"
SLOWER = 1.3


@pytest.fixture
def other(space, rng):
    """A detector that the profile did not choose, as an exported engine would be named."""

    def make(known=()):
        for _ in range(100):
            arch = space.canonical(space.sample(rng))
            graph = space.detector(arch).graph()
            if graph.key not in {workload.graph.key for workload in known}:
                return WholeDetector(f"{space.name}:{space.encode(arch)}", graph, 1, NOTE)
        raise AssertionError("the space is too small")

    return make


def biased(factor: float) -> FakeBackend:
    """The device of the table, on which whole detectors take longer than was profiled."""

    def latency_ms(model) -> float:
        whole = len(model.graph.nodes) > 8
        return true_latency_ms(model.graph) * (factor if whole else 1.0)

    return FakeBackend(latency_ms=latency_ms, device_name="additive")


def visits(backend, detector, protocol: TimingProtocol) -> tuple[tuple[Visit, ...], str]:
    model = WorkloadModel(Workload(DETECTOR, detector.label, detector.graph))
    with (
        backend.build(model) as engine,
        Sentinel(backend, precision="fp32", threads=1, device="cpu") as sentinel,
    ):
        return (sentinel.visit(engine, protocol),), sentinel.key


def fed(path, table, detector, factor=1.0, repeat=1):
    protocol = replace(table.protocol, cache=CHAINED)
    for _ in range(repeat):
        taken, key = visits(biased(factor), detector, protocol)
        recorded = feed_back(path, detector, taken, key)
    return recorded, read_table(path)


def test_a_whole_detector_becomes_a_row_of_the_table(run_profile, tmp_path, other):
    table, path = run_profile(modules=False), tmp_path / "t.jsonl"
    detector = other([workload for workload, _ in table.detectors()])
    recorded, after = fed(path, table, detector)
    assert len(after.rows) == len(table.rows) + 1
    assert after.rows[:-1] == table.rows
    row = after.rows[-1]
    assert (row.workload.label, row.workload.role) == (detector.label, DETECTOR)
    assert row.workload.graph == detector.graph
    assert row.sentinel_ms == pytest.approx(table.reference_ms)
    assert row.measurement.protocol.cache == CHAINED
    assert row.delivered
    assert (recorded.replicate, recorded.rows, recorded.detectors) == (FIRST, 1, 9)
    assert recorded.ms == pytest.approx(true_latency_ms(detector.graph))
    assert after.manifest.notes[-1] == NOTE
    assert after.manifest.sha256 is not None  # closed again
    assert replace(after.manifest, notes=(), sha256=None) == replace(
        table.manifest, notes=(), sha256=None
    )
    assert detector.label in str(recorded.to_dict())


def test_a_detector_that_was_profiled_keeps_its_own_times(run_profile, tmp_path):
    table, path = run_profile(modules=False), tmp_path / "t.jsonl"
    workload, _ = table.detectors()[0]
    detector = WholeDetector(workload.label, workload.graph, 1, NOTE)
    recorded, after = fed(path, table, detector, factor=1.04, repeat=2)
    assert (recorded.replicate, recorded.detectors) == (FIRST + 1, 8)
    assert after.manifest.notes.count(NOTE) == 1
    assert after.replicates_ms(workload.key) == table.replicates_ms(workload.key)
    assert not after.is_delivered(workload.key)
    assert after.delivered_ms == {workload.key: pytest.approx(recorded.ms)}
    assert recorded.ms == pytest.approx(1.04 * true_latency_ms(workload.graph))


@pytest.mark.parametrize(
    ("profiled", "known"),
    [({"modules": False, "detectors": 6}, False), ({}, False), ({}, True)],
    ids=["detectors alone", "chains too", "a detector that was profiled"],
)
def test_a_fit_of_the_table_moves_to_what_was_fed_back(
    run_profile, tmp_path, other, profiled, known
):
    """Delivered detectors take 30 % longer than the profile said, and are predicted so."""
    table, path = run_profile(**profiled), tmp_path / "t.jsonl"
    workloads = [workload for workload, _ in table.detectors()]
    detector = other(workloads)
    if known:
        detector = WholeDetector(workloads[0].label, workloads[0].graph, 1, NOTE)
    truth = SLOWER * true_latency_ms(detector.graph)
    before = fit(table).predict(detector.graph)
    _, after = fed(path, table, detector, SLOWER)
    fitted = fit(after)
    then = fitted.predict(detector.graph)
    assert abs(before.p50_ms / truth - 1) > 0.15
    assert then.p50_ms == pytest.approx(truth, rel=0.05)
    assert then.lo_ms <= truth <= then.hi_ms
    assert fitted.closure.scale > 1.2
    sibling = other([*workloads, Workload(DETECTOR, "", detector.graph)]).graph
    assert fitted.predict_ms([sibling])[0] == pytest.approx(
        fitted.closure.scale * fitted.as_profiled().predict_ms([sibling])[0]
    )
    assert fitted.as_profiled().predict(detector.graph).p50_ms == pytest.approx(
        before.p50_ms, rel=0.05
    )


def test_modules_that_a_table_did_not_know_are_learned(run_profile, tmp_path, other):
    """One slow module: the costs explain it, and nothing is left for a factor of all engines."""
    table, path = run_profile(modules=False, detectors=8), tmp_path / "t.jsonl"
    detector = other([workload for workload, _ in table.detectors()])
    slow = max(fit(table).predict(detector.graph).breakdown, key=lambda item: item.ms).spec

    def latency_ms(model) -> float:
        return true_latency_ms(model.graph) + 3.0 * model.graph.counts()[slow]

    backend = FakeBackend(latency_ms=latency_ms, device_name="additive")
    taken, key = visits(backend, detector, replace(table.protocol, cache=CHAINED))
    feed_back(path, detector, taken, key)
    fitted = fit(read_table(path))
    truth = taken[0].measurement.median_ms
    assert fitted.predict(detector.graph).p50_ms == pytest.approx(truth, rel=0.01)
    assert fitted.closure.scale == pytest.approx(1.0, abs=0.01)


def test_held_out_profiles_are_compared_without_the_factor(run_profile, tmp_path, other):
    """What engines take as delivered is no error of how a profile is predicted."""
    table, path = run_profile(modules=False, detectors=12), tmp_path / "t.jsonl"
    held_out = run_profile("held.jsonl", modules=False, detectors=4, seed=1)
    before = evaluate(fit(table), held_out).scores.mape
    workloads = [workload for workload, _ in (*table.detectors(), *held_out.detectors())]
    _, after = fed(path, table, other(workloads), SLOWER)
    moved = fit(after)
    assert moved.closure.scale > 1.2
    assert evaluate(moved, held_out).scores.mape == pytest.approx(before, abs=1.0)
    assert describe_table(after)["delivered"] == [after.rows[-1].workload.label]


def test_rows_are_brought_to_the_speed_of_the_table(run_profile, tmp_path, other):
    """A machine that is half as fast today tells so by its sentinel."""
    table, path = run_profile(modules=False), tmp_path / "t.jsonl"
    detector = other()

    def slow(model) -> float:
        return 2 * true_latency_ms(model.graph)

    backend = FakeBackend(latency_ms=slow, device_name="additive")
    taken, key = visits(backend, detector, replace(table.protocol, cache=CHAINED))
    recorded = feed_back(path, detector, taken, key)
    assert taken[0].measurement.median_ms == pytest.approx(2 * true_latency_ms(detector.graph))
    assert recorded.ms == pytest.approx(true_latency_ms(detector.graph), rel=0.01)


@pytest.mark.parametrize(
    "field",
    [
        *("device.name", "device.engine_version"),
        *("protocol.threads", "protocol.precision", "protocol.max_samples"),
    ],
)
def test_another_device_or_protocol_is_refused_by_field(run_profile, tmp_path, other, field):
    table, path = run_profile(modules=False), tmp_path / "t.jsonl"
    content = path.read_bytes()
    detector = other()
    (visit,), key = visits(biased(1.0), detector, replace(table.protocol, cache=CHAINED))
    part, name = field.split(".")
    value = {"threads": 2, "precision": "fp16", "max_samples": 9}.get(name, "another")
    changed = replace(getattr(visit.measurement, part), **{name: value})
    measurement = replace(visit.measurement, **{part: changed})
    with pytest.raises(TableMismatchError, match="cannot be written") as caught:
        feed_back(path, detector, [replace(visit, measurement=measurement)], key)
    assert caught.value.fields == (field,)
    assert path.read_bytes() == content


def test_batch_and_sentinel_are_part_of_the_identity(run_profile, tmp_path, other):
    table, path = run_profile(modules=False), tmp_path / "t.jsonl"
    detector = other()
    taken, key = visits(biased(1.0), detector, replace(table.protocol, cache=CHAINED))
    for batch, sentinel, field in (
        (2, key, "batch"),
        (1, "conv(...)", "sentinel"),
        (1, None, "sentinel"),
    ):
        with pytest.raises(TableMismatchError) as caught:
            feed_back(path, replace(detector, batch=batch), taken, sentinel)
        assert field in caught.value.fields
    assert len(read_table(path).rows) == len(table.rows)


def test_refused_visits_count_only_if_all_were(run_profile, tmp_path, other):
    table, path = run_profile(modules=False), tmp_path / "t.jsonl"
    detector = other()
    (visit,), key = visits(biased(1.0), detector, replace(table.protocol, cache=CHAINED))
    bad = replace(visit, refused="the machine's speed changed")
    with pytest.raises(TableError, match=r"every measurement was refused.*idle machine"):
        feed_back(path, detector, [bad, bad], key)
    assert len(read_table(path).rows) == len(table.rows)
    recorded = feed_back(path, detector, [bad, visit], key)
    after = read_table(path)
    assert (recorded.rows, [row.attempt for row in after.rows[-2:]]) == (2, [0, 1])
    assert [row.refused is None for row in after.rows[-2:]] == [False, True]
    assert feed_back(path, detector, [bad, bad, bad], key).replicate == FIRST + 1
    with pytest.raises(TableError, match="no measurement"):
        feed_back(path, detector, [], key)


def test_a_table_under_way_is_left_alone(run_profile, tmp_path, other):
    table, path = run_profile(modules=False), tmp_path / "t.jsonl"
    detector = other()
    taken, key = visits(biased(1.0), detector, replace(table.protocol, cache=CHAINED))
    with (
        TableWriter(path, table.manifest, resume=True),
        pytest.raises(TableError, match="being written"),
    ):
        feed_back(path, detector, taken, key)
    with pytest.raises(TableError, match="there is no table"):
        feed_back(tmp_path / "no.jsonl", detector, taken, key)


def test_the_protocol_of_a_table_is_asked_for_before_measuring(run_profile):
    table = run_profile(modules=False)
    engine = additive_backend().build(WorkloadModel(table.detectors()[0][0]))
    protocol = table_protocol(table, engine)
    assert protocol == replace(QUICK, cache=CHAINED)
    check_feedback(table, engine.device, protocol, 1, table.manifest.sentinel)
    threaded = table_protocol(
        table, additive_backend().build(WorkloadModel(table.detectors()[0][0]), threads=2)
    )
    with pytest.raises(TableMismatchError, match=r"protocol\.threads is 1 here, 2 there"):
        check_feedback(table, engine.device, threaded, 1, table.manifest.sentinel)


def test_a_profile_goes_on_with_a_table_that_was_fed(run_profile, tmp_path, other):
    table, path = run_profile(modules=False, detectors=4), tmp_path / "t.jsonl"
    fed(path, table, other())
    more = run_profile(modules=False, detectors=4, replicates=2, resume=True)
    assert len(more.rows) == 2 * len(table.rows) + 1
    assert NOTE in more.manifest.notes
