"""One table's part of a comparison: logarithms of medians, pass by pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engines import Measurement

from ..tables.table import MAX_REPLICATE_GAP, LatencyTable

Floats = npt.NDArray[np.float64]
NORMAL_95 = 1.959963984540054
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Side:
    """Hold what one table says of some series (workloads or kinds).

    Attributes:
        log_ms: ``(n, passes)`` logarithms of medians without what a pass has in common; NaN where
            a replicate is missing or was disturbed.
        squares: ``(n,)`` sums of squares of all replicates, disturbed ones included, about their
            mean: where some were disturbed, the others are less certain, too.
        freedom: ``(n,)`` degrees of freedom of these.
        within: ``(n,)`` standard errors of one replicate's log median by its own samples.
        pass_variance: Of the mean of what passes have in common; 0 for a single pass.
    """

    log_ms: Floats
    squares: Floats
    freedom: Floats
    within: Floats
    pass_variance: float

    @property
    def count(self) -> Floats:
        """Return the undisturbed replicates ``(n,)`` of every series."""
        return np.asarray(np.isfinite(self.log_ms).sum(axis=1), dtype=np.float64)

    @property
    def mean(self) -> Floats:
        """Return the means ``(n,)`` of the logarithms."""
        return np.asarray(np.nanmean(self.log_ms, axis=1))

    @property
    def filled(self) -> Floats:
        """Return :attr:`log_ms` with each workload's mean where a replicate is missing."""
        return np.where(np.isfinite(self.log_ms), self.log_ms, self.mean[:, None])

    def only(self, some: npt.NDArray[np.bool_]) -> Side:
        """Return the side of the series ``(n,)`` that are marked."""
        return replace(
            self,
            log_ms=self.log_ms[some],
            squares=self.squares[some],
            freedom=self.freedom[some],
            within=self.within[some],
        )


def squares_of(log_ms: Floats) -> Floats:
    """Return the sums of squares ``(n,)`` about each row's mean; NaN entries are left out."""
    return np.asarray(np.nansum((log_ms - np.nanmean(log_ms, axis=1)[:, None]) ** 2, axis=1))


def side_of(table: LatencyTable, keys: Sequence[str]) -> Side:
    """Return the side of workloads that a table measured, at one speed of the machine.

    Delivered engines count where nothing else was measured of a workload, as in its median.
    """
    index = {key: place for place, key in enumerate(keys)}
    rows = [
        (index[row.workload.key], row.replicate, row.measurement, table.speed(row))
        for row in table.counted
        if row.measurement is not None
        and row.workload.key in index
        and row.delivered == table.is_delivered(row.workload.key)
    ]
    every = np.full((len(keys), 1 + max(replicate for _, replicate, _, _ in rows)), np.nan)
    errors = np.zeros_like(every)
    for place, replicate, measurement, speed in rows:
        every[place, replicate] = math.log(measurement.median_ms / speed)
        errors[place, replicate] = _relative_error(measurement)
    limit = np.nanmin(every, axis=1)[:, None] + math.log1p(MAX_REPLICATE_GAP)
    quiet = np.where(every <= limit + ROUNDING, every, np.nan)
    taken = np.isfinite(quiet)
    kept = quiet[:, taken.any(axis=0)]
    passes = _pass_levels(kept)
    measured = every[:, np.isfinite(every).any(axis=0)]
    return Side(
        kept - passes,
        squares_of(measured - _pass_levels(measured)),
        np.isfinite(every).sum(axis=1) - 1.0,
        np.sqrt((errors**2 * taken).sum(axis=1) / taken.sum(axis=1)),
        float(passes.var(ddof=1)) / len(passes) if len(passes) > 1 else 0.0,
    )


def _pass_levels(log_ms: Floats) -> Floats:
    """Return what the values of every pass ``(n, passes)`` have in common; 0 for a single one."""
    if log_ms.shape[1] == 1:
        return np.zeros(1)
    return np.asarray(np.nanmedian(log_ms - np.nanmean(log_ms, axis=1)[:, None], axis=0))


def _relative_error(measurement: Measurement) -> float:
    """Return the relative standard error of a median; 0 where samples are too few to tell.

    What the median moved by while it was measured, it may move by until it is measured again.
    """
    width = measurement.rel_ci
    if not math.isfinite(width):
        return 0.0
    half = len(measurement.raw_ms) // 2
    moved = np.log(np.median(measurement.raw_ms[half:]) / np.median(measurement.raw_ms[:half]))
    return math.hypot(width / NORMAL_95, float(moved) / 2)
