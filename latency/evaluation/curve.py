"""How sure predictions became while a profile went on: expected error against minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from ..joint import Equation, equations_of, fit_joint
from ..tables.row import Row
from ..tables.table import LatencyTable

STEPS = 6
FIRST = 6  # measurements before the first point
PAUSE = 20.0  # times the usual time between rows: then the profile was not running
MEAN_OVER_SD = float(np.sqrt(2 / np.pi))  # mean absolute deviation of a normal distribution


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Say what was known at one time of a profile.

    Attributes:
        minutes: Since the first measurement, without the pauses between sessions.
        measurements: Rows until then.
        expected_error_pct: Expected absolute error of the predicted medians of detectors, mean.
        left_out_pct: Mean absolute error of measured detectors, each predicted from all else.
    """

    minutes: float
    measurements: int
    expected_error_pct: float
    left_out_pct: float


def error_curve(table: LatencyTable, detectors: Sequence[Equation]) -> tuple[CurvePoint, ...]:
    """Fit what was known at some times of a profile, and say how sure predictions were.

    Args:
        table: As measured; its rows stand in the order taken.
        detectors: Random detectors of the space; their ``ms`` is not looked at.

    Returns:
        At most :data:`STEPS` points, equally far apart in the logarithm of measurements; none if
        there are fewer than :data:`FIRST`.
    """
    total = len(table.rows)
    if total < FIRST:
        return ()
    counts = np.unique(np.geomspace(FIRST, total, STEPS).round().astype(int))
    minutes = _minutes(table.rows)
    return tuple(
        CurvePoint(float(minutes[count - 1]), int(count), *errors)
        for count in counts
        if (errors := _errors(replace(table, rows=table.rows[:count]), detectors)) is not None
    )


def measured_minutes(table: LatencyTable) -> float:
    """Return how many minutes a profile measured, all of its sessions together.

    Pauses between sessions are left out; the last row counts as long as rows usually take.
    """
    if not table.rows:
        return 0.0
    minutes = _minutes(table.rows)
    return float(minutes[-1] + np.median(np.diff(minutes, prepend=0.0)))


def _errors(table: LatencyTable, detectors: Sequence[Equation]) -> tuple[float, float] | None:
    known = equations_of(table)
    if not any(equation.whole for equation in known):
        return None
    costs = fit_joint(known)
    counts = [each.counts for each in detectors]
    ms, doubt = costs.whole_ms(counts), costs.whole_sd_ms(counts)
    own = np.square(doubt) - np.square(costs.spread.whole_noise * ms)
    measured, predicted, _ = costs.left_out()
    return (
        100 * MEAN_OVER_SD * float(np.mean(np.sqrt(np.maximum(own, 0.0)) / ms)),
        100 * float(np.mean(np.abs(predicted / measured - 1.0))),
    )


def _minutes(rows: Sequence[Row]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the minutes ``(n,)`` at which rows began, since the first; longer pauses left out."""
    begun = [
        datetime.fromisoformat(row.measurement.started_at).timestamp() if row.measurement else None
        for row in rows
    ]
    steps, last = [0.0], begun[0]
    for now in begun[1:]:
        steps.append(0.0 if now is None or last is None else max(0.0, now - last))
        last = now if now is not None else last
    usual = float(np.median(steps))
    kept = [step if step <= PAUSE * max(usual, 1.0) else usual for step in steps]
    return np.asarray(np.cumsum(kept) / 60.0)
