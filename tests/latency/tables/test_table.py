"""What counts of a table, at which speed of the machine."""

from dataclasses import replace

import numpy as np
import pytest

from latency import LatencyTable
from tests.latency.noise import conv_specs, noisy_table

SPECS = conv_specs(4)


@pytest.fixture
def table(rng):
    return noisy_table(rng, SPECS, replicates=3)


def at_speeds(table, speeds):
    """Slow replicates down as a whole, sentinel included."""
    rows = []
    for row in table.rows:
        speed = speeds[row.replicate]
        raw = tuple(ms * speed for ms in row.measurement.raw_ms)
        slowed = replace(row.measurement, raw_ms=raw)
        rows.append(replace(row, measurement=slowed, sentinel_ms=2.0 * speed))
    return replace(table, rows=tuple(rows))


def test_rows_without_a_sentinel_count_as_they_are(table):
    key = next(iter(table.measurements))
    assert table.reference_ms is None
    assert table.replicates_ms(key) == table.replicates_ms(key, normalised=False)
    assert table.normalised_ms(key) == np.median(table.replicates_ms(key))


def test_normalising_undoes_what_all_rows_of_a_time_have_in_common(table):
    drifted = at_speeds(table, (0.97, 1.0, 1.06))
    assert drifted.reference_ms == 2.0
    for key in table.measurements:
        raw = drifted.replicates_ms(key, normalised=False)
        assert raw != pytest.approx(table.replicates_ms(key))
        assert drifted.replicates_ms(key) == pytest.approx(table.replicates_ms(key))
        assert drifted.normalised_ms(key) == pytest.approx(table.normalised_ms(key))
    everywhere = at_speeds(table, (1.5, 1.5, 1.5))  # a slower machine is a slower machine
    for key in table.measurements:
        assert everywhere.normalised_ms(key) == pytest.approx(1.5 * table.normalised_ms(key))


def test_a_slow_machine_disturbs_no_replicate_but_contention_does(table):
    assert not at_speeds(table, (1.0, 1.0, 1.3)).disturbed
    slowed = at_speeds(table, (1.0, 1.0, 1.3))
    rows = tuple(replace(row, sentinel_ms=2.0) for row in slowed.rows)
    contended = replace(slowed, rows=rows)
    assert len(contended.disturbed) == len(SPECS)
    for key in table.measurements:
        assert len(contended.replicates(key)) == 2


def test_a_row_whose_sentinel_was_disturbed_does_not_count(table):
    """Brought to one speed by it, the row would be the quietest and hide the others."""
    steady = at_speeds(table, (1.0, 1.0, 1.0))
    first = steady.rows[0]
    broken = replace(steady, rows=(replace(first, sentinel_ms=16.0), *steady.rows[1:]))
    key = first.workload.key
    assert broken.replicates_ms(key) == steady.replicates_ms(key)[1:]
    assert first.workload not in [row.workload for row in broken.counted if row.replicate == 0]
    alone = replace(broken, rows=tuple(r for r in broken.rows if r.visit[1] == 0))
    assert key not in alone.measurements


def test_mixed_rows_are_of_speed_one_where_no_sentinel_stands(table):
    drifted = at_speeds(table, (1.0, 1.0, 1.04))
    rows = tuple(
        replace(row, sentinel_ms=None) if row.replicate == 0 else row for row in drifted.rows
    )
    mixed = LatencyTable(table.manifest, rows)
    assert mixed.reference_ms == pytest.approx(2.04)  # the median of 2 and 2.08
    key = next(iter(table.measurements))
    first, *others = mixed.replicates_ms(key)
    assert first == table.replicates_ms(key)[0]
    assert others == pytest.approx([1.02 * ms for ms in table.replicates_ms(key)[1:]])


def test_pooling_keeps_whole_rounds_of_inputs(table):
    rows = tuple(
        replace(row, measurement=replace(row.measurement, inputs=7)) for row in table.rows
    )
    pooled = next(iter(LatencyTable(table.manifest, rows).measurements.values()))
    assert pooled.inputs == 7
    assert len(pooled.raw_ms) == 3 * (60 // 7 * 7)
    mixed = (replace(rows[0], measurement=table.rows[0].measurement), *rows[1:])
    assert next(iter(LatencyTable(table.manifest, mixed).measurements.values())).inputs == 1
