"""The next measured modules along each axis of a shape, all else being equal.

Times of one layer at growing sizes make steps, where the runtime changes its tactic. Which step a
size stands on is told best by the same layer at the sizes next to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
REACH = 1
"""How many neighbours on each side; a second adds nothing on V100 tables."""

_ROUND = 6
_GAP = 1e-6


@dataclass(frozen=True, slots=True)
class AxisNeighbours:
    """Find values of measured modules that differ along one chart only.

    Attributes:
        places: Coordinates ``(n, d)`` of what was measured.
        values: ``(n, q)``: several values of each.
        charts: Each is one axis, or two that move together.
    """

    places: Floats
    values: Floats
    charts: Sequence[tuple[int, ...]]

    def features(self, places: Floats, *, leave_out: bool = False) -> tuple[Floats, Floats]:
        """Return neighbours' values ``(n, v, q)`` and distances with counts ``(n, w)``.

        Where there is no such neighbour, ``nan`` stands.

        Args:
            places: Coordinates ``(n, d)``; with ``leave_out`` the measured ones, in their order.
            leave_out: A measured module is none of its own neighbours.
        """
        values, extents = [], []
        for chart in self.charts:
            line = _Line.of(self.places, places, chart)
            for index, gap in line.steps():
                values.append(np.where(index[:, None] >= 0, self.values[index], np.nan))
                extents.append(gap)
            mean, count = line.mean(self.values, leave_out)
            values.append(mean)
            extents.append(count)
        if not values:
            return np.zeros((len(places), 0, self.values.shape[1])), np.zeros((len(places), 0))
        return np.stack(values, axis=1), np.stack(extents, axis=1)


@dataclass(frozen=True, slots=True)
class _Line:
    """Measured modules sorted along the lines of a chart, and where the asked ones fall."""

    line: Ints  # of measured ones, in their own order
    asked_line: Ints
    order: Ints
    position: Floats  # of measured ones, sorted
    asked: Floats
    key: Floats  # line and position in one number, sorted
    asked_key: Floats

    @classmethod
    def of(cls, places: Floats, asked: Floats, chart: tuple[int, ...]) -> _Line:
        both = np.round(np.concatenate([places, asked]), _ROUND)
        along, others = both[:, chart[0]], np.delete(both, chart, axis=1)
        if len(chart) > 1:
            others = np.column_stack([others, np.round(along - both[:, chart[1]], _ROUND - 1)])
        _, line = np.unique(others + 0.0, axis=0, return_inverse=True)
        line = np.asarray(line.ravel(), np.int64)
        along = along - along.min() if len(along) else along
        key = line * (2.0 * along.max(initial=0.0) + 2.0) + along
        n = len(places)
        order = np.argsort(key[:n], kind="stable")
        return cls(line[:n], line[n:], order, along[:n][order], along[n:], key[:n][order], key[n:])

    def steps(self) -> list[tuple[Ints, Floats]]:
        """Return for every step up and down the neighbour's index, -1 if none, and distance."""
        below = np.searchsorted(self.key, self.asked_key - _GAP) - 1
        above = np.searchsorted(self.key, self.asked_key + _GAP)
        found = []
        for slots in [below - j for j in range(REACH)] + [above + j for j in range(REACH)]:
            slot = np.clip(slots, 0, len(self.order) - 1)
            index = self.order[slot]
            good = (slots == slot) & (self.line[index] == self.asked_line)
            gap = np.where(good, np.abs(self.position[slot] - self.asked), np.nan)
            found.append((np.where(good, index, -1), gap))
        return found

    def mean(self, values: Floats, leave_out: bool) -> tuple[Floats, Floats]:
        """Return the mean of all others on the line ``(n, q)`` and their number ``(n,)``."""
        lines = int(max(self.line.max(initial=0), self.asked_line.max(initial=0))) + 1
        sizes = np.bincount(self.line, minlength=lines)
        count: Floats = sizes[self.asked_line].astype(np.float64)
        totals = [np.bincount(self.line, column, lines)[self.asked_line] for column in values.T]
        total: Floats = np.stack(totals, axis=1).astype(np.float64)
        if leave_out:
            count, total = count - 1.0, total - values
        some = count[:, None] > 0
        mean = np.where(some, total / np.where(some, count[:, None], 1.0), np.nan)
        return mean, count
