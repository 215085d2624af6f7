"""False alarms and power on tables whose noise is like that of measured ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import t

from engines import FakeBackend
from latency import (
    Gate,
    LatencyError,
    LatencyTable,
    ProfileConfig,
    Row,
    TableError,
    TableMismatchError,
    WorkloadModel,
    diff_tables,
    holm,
    make_simulated,
    plan_profile,
)
from latency.comparing.diff import ALPHA, _changes
from latency.comparing.stats import TESTS, Effect, weighted_median
from searchspaces import make_space
from tests.latency.noise import conv_specs, noisy_table, samples
from tests.latency.oracle import OVERHEAD_MS, true_cost_ms

SLOWER = Gate.parse("slower>2%")
SPECS = conv_specs(24)


def alarms(tables, gate=SLOWER):
    return sum(bool(diff_tables(a, b).violations(gate)) for a, b in combinations(tables, 2))


@pytest.mark.parametrize("replicates", [1, 2, 3])
def test_equal_tables_raise_no_alarm(replicates):
    rng = np.random.default_rng(replicates)
    tables = [noisy_table(rng, SPECS, replicates=replicates, count=30) for _ in range(13)]
    assert alarms(tables) == 0  # of 78


@pytest.mark.slow
@pytest.mark.parametrize("replicates", [1, 2, 3])
def test_200_comparisons_of_equal_tables_raise_two_alarms_at_most(replicates):
    rng = np.random.default_rng(10 + replicates)
    tables = [noisy_table(rng, SPECS, replicates=replicates) for _ in range(21)]
    assert alarms(tables) <= 2  # of 210
    significant = sum(
        any(c.significant for c in (*diff.kinds, *diff.workloads))
        for diff in (diff_tables(a, b) for a, b in combinations(tables, 2))
    )
    assert significant <= 2 + 3  # the chance is 1 %: 2.1 expected


@pytest.mark.parametrize("replicates", [1, 3])
def test_three_percent_of_one_kind_are_found(replicates):
    rng = np.random.default_rng(replicates)
    found, others = 0, 0
    for _ in range(10):
        a = noisy_table(rng, SPECS, replicates=replicates)
        b = noisy_table(rng, SPECS, replicates=replicates, factors={"conv": 1.03})
        diff = diff_tables(a, b)
        found += any(c.name == "conv" and SLOWER.violated_by(c) for c in diff.kinds)
        others += any(c.name != "conv" and SLOWER.violated_by(c) for c in diff.kinds)
        assert not diff_tables(a, b).violations(Gate.parse("faster>2%"))
    assert found >= 8
    assert others == 0


def test_a_device_that_became_slower_as_a_whole_is_found():
    rng = np.random.default_rng(0)
    kinds = {spec.kind for spec in SPECS}
    a = noisy_table(rng, SPECS)
    b = noisy_table(rng, SPECS, factors=dict.fromkeys(kinds, 1.06))
    diff = diff_tables(a, b)
    assert {c.name for c in diff.kinds if SLOWER.violated_by(c)} == kinds
    for change in diff.kinds:
        assert change.lo < 0.06 < change.hi


@pytest.mark.parametrize("replicates", [1, 2])
def test_one_slow_kind_in_context_is_found(run_profile, replicates):
    def slower(kind, factor):
        return FakeBackend(
            latency_ms=lambda model: (
                OVERHEAD_MS
                + sum(
                    true_cost_ms(spec) * n * (factor if spec.kind == kind else 1.0)
                    for spec, n in model.graph.counts().items()
                )
            ),
            noise=0.001,
            device_name="additive",
        )

    a = run_profile("a.jsonl", slower("", 1.0), replicates=replicates)
    for kind in ("retinanet_head", "retinanet_detections", "shuffle_block"):
        b = run_profile(f"{kind}.jsonl", slower(kind, 1.03), replicates=replicates)
        diff = diff_tables(a, b)
        assert [c.name for c in diff.kinds if SLOWER.violated_by(c)] == [kind]
        (change,) = [c for c in diff.kinds if c.name == kind]
        assert change.change == pytest.approx(0.03, abs=0.004)
        assert any(text.startswith(f"kind {kind}: +") for text in diff.violations(SLOWER))
    same = diff_tables(a, run_profile("same.jsonl", slower("", 1.0), replicates=replicates))
    assert not any(c.significant for c in (*same.kinds, *same.workloads))


def test_a_table_equals_itself(rng):
    table = noisy_table(rng, SPECS, replicates=2, count=10)
    diff = diff_tables(table, table)
    assert {c.change for c in (*diff.kinds, *diff.workloads)} == {0.0}
    assert {c.p for c in (*diff.kinds, *diff.workloads)} == {1.0}
    assert not diff.violations(Gate.parse("slower>0%"))


@pytest.mark.parametrize("count", [1, 2])
def test_tiny_tables(rng, count):
    table = noisy_table(rng, SPECS[:count], replicates=1, count=1)
    assert len(diff_tables(table, table).workloads) == count
    several = noisy_table(rng, SPECS[:count], replicates=2, count=10)
    assert len(diff_tables(table, several).workloads) == count


def test_versions_may_differ_and_are_named(rng):
    a = noisy_table(rng, SPECS[:3], replicates=1, count=10)
    device = replace(a.device, engine_version="2", driver="560.1")
    manifest = replace(a.manifest, device=device, software={"torch": "3"})
    diff = diff_tables(a, replace(a, manifest=manifest))
    assert [name for name, _, _ in diff.differing] == [
        *("device.engine_version", "device.driver", "software.torch"),
    ]


@pytest.mark.parametrize(
    ("field", "value"), [("name", "other"), ("uuid", "b"), ("engine", "x"), ("cores", 99)]
)
def test_another_device_is_refused_by_field(rng, field, value):
    a = noisy_table(rng, SPECS[:3], replicates=1, count=10)
    other = replace(a, manifest=replace(a.manifest, device=replace(a.device, **{field: value})))
    with pytest.raises(TableMismatchError, match=rf"device\.{field} is ") as caught:
        diff_tables(a, other)
    assert caught.value.fields == (f"device.{field}",)
    assert diff_tables(a, other, allow=[f"device.{field}"]).differing


def test_another_protocol_or_batch_is_refused(rng):
    a = noisy_table(rng, SPECS[:3], replicates=1, count=10)
    protocol = replace(a.protocol, threads=2)
    for change in ({"protocol": protocol}, {"batch": 2}):
        with pytest.raises(TableMismatchError, match=r"protocol\.threads|batch"):
            diff_tables(a, replace(a, manifest=replace(a.manifest, **change)))


def test_what_only_one_table_holds_and_what_fails_now(rng):
    a = noisy_table(rng, SPECS[:9], replicates=1, count=10)
    failed = replace(a.rows[0], measurement=None, error="out of memory")
    b = replace(a, rows=(failed, *a.rows[2:]))
    diff = diff_tables(a, b)
    assert diff.failed == (SPECS[0].key,)
    assert diff.only_a == (SPECS[1].key,)
    assert diff_tables(b, a).only_b == (SPECS[0].key, SPECS[1].key)
    (violation,) = diff.violations(SLOWER)
    assert violation.endswith("was measured before, fails now")
    with pytest.raises(TableError, match="no workload is measured in both"):
        diff_tables(replace(a, rows=a.rows[:1]), replace(a, rows=a.rows[1:]))


@pytest.mark.parametrize("text", ["", "slower", "slower>2", "slower>-2%", "slower>=2%", ">2%"])
def test_wrong_gates_are_refused(text):
    with pytest.raises(LatencyError, match=r"write slower>2%"):
        Gate.parse(text)


def test_holm_against_its_definition(rng):
    for n in (0, 1, 2, 7):
        p = rng.random(n) ** 3
        order = np.argsort(p)
        expected, highest = np.zeros(n), 0.0
        for rank, index in enumerate(order):
            highest = max(highest, min(1.0, (n - rank) * p[index]))
            expected[index] = highest
        assert holm(list(p)) == pytest.approx(expected)


def test_many_weak_shares_tell_a_kind(rng):
    """A kind that is never more than a third of a workload is found by all of them together."""
    a = run_whole(rng, {})
    b = run_whole(rng, {"box_head": 1.05})
    diff = diff_tables(a, b)
    (change,) = [c for c in diff.kinds if c.name == "box_head"]
    assert change.lo < 0.05 < change.hi
    assert not [c.name for c in diff.kinds if c.name != "box_head" and c.significant]


def test_a_slowdown_that_hides_in_noise_is_undecided(rng):
    a = noisy_table(rng, SPECS[:6], replicates=2, count=10, build_sd=0.03)
    b = noisy_table(rng, SPECS[:6], replicates=2, count=10, build_sd=0.03, factors={"conv": 1.03})
    diff = diff_tables(a, b)
    assert not diff.violations(SLOWER)
    (conv,) = [change for change in diff.undecided(SLOWER) if change.name == "conv"]
    assert conv.hi > SLOWER.limit
    assert conv.smallest_shown > 0.03


def test_quiet_tables_leave_nothing_open(rng):
    a, b = (noisy_table(rng, SPECS, replicates=4) for _ in range(2))
    for gate in (SLOWER, Gate.parse("faster>2%"), Gate.parse("slower>5%")):
        assert diff_tables(a, b).undecided(gate) == ()
    slow = noisy_table(rng, SPECS, replicates=4, factors={"conv": 1.1})
    assert diff_tables(a, slow).undecided(Gate.parse("slower>5%")) == ()


def test_kinds_that_are_noise_are_named(rng):
    a, b = (run_whole(rng, {}, noise=0.3) for _ in range(2))
    diff = diff_tables(a, b)
    told, untold = ({change.name for change in some} for some in (diff.kinds, diff.untold))
    assert untold
    assert not told & untold
    counts = [workload.graph.counts() for workload in a.workloads.values()]
    assert told | untold == {spec.kind for each in counts for spec in each}
    assert not any(change.significant for change in diff.untold)
    assert untold <= {change.name for change in diff.undecided(SLOWER)}
    assert min(change.smallest_shown for change in diff.untold) > 0.05


def effect(log_ratio, error, freedom):
    p = min(1.0, TESTS * 2 * float(t.sf(abs(log_ratio) / error, freedom)))
    return Effect("conv", 1.0, float(np.exp(log_ratio)), log_ratio, 2 * error, p, error, freedom)


@pytest.mark.parametrize("freedom", [3.0, 40.0, 1e6])
@pytest.mark.parametrize("others", [0, 7])
def test_the_smallest_change_shown_is_where_significance_begins(freedom, others):
    def change(log_ratio):
        effects = [effect(log_ratio, 0.01, freedom), *[effect(0.0, 0.01, freedom)] * others]
        return _changes("kind", effects)[0]

    least = np.log1p(change(0.0).smallest_shown)
    assert change(1.001 * least).significant
    assert not change(0.999 * least).significant
    assert change(least).p == pytest.approx(ALPHA)


def test_delivered_engines_are_no_passes_of_the_profile(rng):
    a, b = (noisy_table(rng, SPECS[:6], replicates=2, count=10) for _ in range(2))
    delivered = tuple(
        replace(r, replicate=1000, delivered=True, measurement=scaled(r.measurement, 1.05))
        for r in b.rows[:3]
    )
    assert diff_tables(a, replace(b, rows=(*b.rows, *delivered))) == diff_tables(a, b)
    alone = replace(b, rows=(*b.rows[1:], delivered[0]))  # a replicate of its own less
    assert diff_tables(a, alone) == diff_tables(a, replace(b, rows=b.rows[1:]))


def run_whole(rng, factors, noise=0.003):
    """Profile detnas-nano on a device whose modules take what a roofline says."""
    simulated = make_simulated("CPU", engine="onnxruntime")

    def latency_ms(model):
        counts = model.graph.counts()
        total = sum(simulated.module_ms(s) * n * factors.get(s.kind, 1) for s, n in counts.items())
        return total * float(np.exp(noise * rng.standard_normal()))

    space = make_space("detnas-nano", input_hw=(64, 64))
    config = ProfileConfig(detectors=8, isolated=True, replicates=3)
    workloads, recipes = plan_profile(space, config)
    like = noisy_table(rng, SPECS[:1], replicates=1, count=10)
    rows = []
    for replicate in range(config.replicates):
        for workload in workloads:
            middle = latency_ms(WorkloadModel(workload))
            measured = replace(like.rows[0].measurement, raw_ms=samples(rng, middle, 20))
            rows.append(Row(workload, replicate, measured))
    return LatencyTable(replace(like.manifest, recipes=recipes), tuple(rows))


SLOW_ROWS = [index >= 12 and index % 3 == 0 for index in range(36)]  # never the first replicate


def test_disturbed_replicates_make_the_others_less_certain(rng):
    a = noisy_table(rng, SPECS[:12], replicates=3, count=20)
    b = noisy_table(rng, SPECS[:12], replicates=3, count=20)
    disturbed = tuple(
        replace(row, measurement=scaled(row.measurement, 1.5)) if slow else row
        for row, slow in zip(b.rows, SLOW_ROWS, strict=True)
    )
    quiet, loud = diff_tables(a, b), diff_tables(a, replace(b, rows=disturbed))
    widened = [
        (two.hi - two.lo) / (one.hi - one.lo)
        for one, two in zip(quiet.workloads, loud.workloads, strict=True)
    ]
    assert min(widened) > 1
    assert min(widened[::3]) > 3  # of those that were disturbed
    assert not loud.violations(SLOWER)


def scaled(measurement, factor):
    return replace(measurement, raw_ms=tuple(factor * ms for ms in measurement.raw_ms))


def test_a_slow_machine_is_not_a_slow_engine(rng):
    """The sentinel beside every row tells the machine's speed then."""
    a = noisy_table(rng, SPECS, replicates=2, count=20)
    speeds = np.exp(0.1 * rng.standard_normal(len(a.rows)))
    rows = tuple(
        replace(row, measurement=scaled(row.measurement, speed), sentinel_ms=float(speed))
        for row, speed in zip(a.rows, speeds.tolist(), strict=True)
    )
    b = replace(a, rows=rows)
    diff = diff_tables(replace(a, rows=tuple(replace(r, sentinel_ms=1.0) for r in a.rows)), b)
    assert max(abs(c.change - diff.workloads[0].change) for c in diff.workloads) < 1e-9


def test_the_weighted_median_counts_by_weight():
    values = np.array([5.0, 1.0, 3.0])
    assert weighted_median(values, np.array([0.2, 0.2, 0.6])) == 3.0
    assert weighted_median(values, np.array([1.0, 0.0, 1.0])) == 4.0
    assert weighted_median(np.array([2.0]), np.array([1.0])) == 2.0
