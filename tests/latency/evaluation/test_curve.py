from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from latency import aimed_at, describe_profile, error_curve, measured_minutes
from latency.evaluation.curve import FIRST, STEPS
from tests.latency.profiling.chosen import SPACE, config_of, profiled


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    found = profiled(tmp_path_factory.mktemp("curve") / "t.jsonl")
    return _spaced(found, [3.0] * len(found.rows))


def _spaced(table, seconds):
    """Let rows begin so many seconds after the one before."""
    now, rows = datetime(2026, 1, 1, tzinfo=timezone.utc), []
    for row, step in zip(table.rows, seconds, strict=True):
        now += timedelta(seconds=step)
        begun = replace(row.measurement, started_at=now.isoformat(timespec="seconds"))
        rows.append(replace(row, measurement=begun))
    return replace(table, rows=tuple(rows))


def test_doubt_falls_while_measurements_come_in(table):
    points = error_curve(table, aimed_at(SPACE, config_of()))
    assert 2 <= len(points) <= STEPS
    assert [p.measurements for p in points] == sorted({p.measurements for p in points})
    assert points[0].measurements == FIRST
    assert points[-1].measurements == len(table.rows)
    assert points[-1].expected_error_pct < points[0].expected_error_pct
    assert points[-1].minutes == pytest.approx(3.0 * (len(table.rows) - 1) / 60)


def test_pauses_do_not_count(table):
    steps = [3.0] * len(table.rows)
    steps[10] = 7200.0
    points = error_curve(_spaced(table, steps), aimed_at(SPACE, config_of()))
    assert points[-1].minutes == pytest.approx(3.0 * (len(table.rows) - 1) / 60)
    assert measured_minutes(_spaced(table, steps)) == pytest.approx(3.0 * len(table.rows) / 60)


def test_a_profile_says_how_long_it_measured(table):
    fields = describe_profile(SPACE, config_of(), table)
    assert fields["minutes"] == measured_minutes(table) == pytest.approx(len(table.rows) / 20)
    assert measured_minutes(replace(table, rows=())) == 0.0


def test_too_little_gives_no_curve(table):
    assert error_curve(replace(table, rows=table.rows[: FIRST - 1]), ()) == ()
