"""Local Gaussian processes: what measured modules nearby say, and how sure it is.

Ordinary kriging on the nearest neighbours only (Cressie, "Statistics for Spatial Data", 1993,
ch. 3) with an exponential covariance. Distances are added up along the axes or measured as the
crow flies. The first makes a product of exponentials, one per axis, which suits grids: what one
axis changes is carried over along the others (three corners of a rectangle tell the fourth). Which
of them, and the length scales, are found by leaving measured modules out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
NEIGHBOURS, NUGGET = 32, 0.05
"""More neighbours, or a nugget of 1 or 10 % of the variance, change little on V100 tables."""

START, FACTORS, ROUNDS, PROBES = 0.3, (0.4, 0.7, 1.5, 3.0), 2, 400
ALONG_AXES, DIRECT = ORDERS = (1, 2)
"""Minkowski's order of the distance."""

_BLOCK = 512  # queries at once: their covariances take some MB


@dataclass(frozen=True, slots=True)
class Kriging:
    """Hold measured values and the scales of their axes.

    Attributes:
        places: Coordinates ``(n, d)`` of what was measured.
        values: Measured values ``(n,)``.
        scales: Inverse length scales ``(d,)``.
        order: Of the distance; one of :data:`ORDERS`.
    """

    places: Floats
    values: Floats
    scales: Floats
    order: int = ALONG_AXES

    def predict(self, places: Floats, *, leave_out: bool = False) -> tuple[Floats, Floats, Floats]:
        """Return mean, variance (of 1) and distance to the nearest neighbour, each ``(n,)``.

        Args:
            places: Coordinates ``(n, d)``; with ``leave_out`` the measured ones, in their order.
            leave_out: Predict each measured value from the others.
        """
        near = self.neighbours(places, leave_out=leave_out)
        parts = [
            self._solve(places[i : i + _BLOCK], near[i : i + _BLOCK])
            for i in range(0, len(places), _BLOCK)
        ]
        mean, variance, distance = (
            np.concatenate([part[j] for part in parts]) if parts else np.zeros(0) for j in range(3)
        )
        return mean, variance, distance

    def neighbours(self, places: Floats, *, leave_out: bool = False) -> Ints:
        """Return indices ``(n, neighbours)`` of the nearest measured modules, nearest first."""
        from scipy.spatial import KDTree  # a third of a second to import

        count = min(NEIGHBOURS, len(self.values) - leave_out)
        scaled, asked = self.places * self.scales, places * self.scales
        _, near = KDTree(scaled).query(asked, k=range(1, count + leave_out + 1), p=self.order)
        near = np.asarray(near, np.int64)
        if not leave_out:
            return near
        own = near == np.arange(len(places))[:, None]
        own[~own.any(1), -1] = True  # hidden among equals: drop the farthest
        others: Ints = near[~own].reshape(len(places), count)
        return others

    def _solve(self, places: Floats, near: Ints) -> tuple[Floats, Floats, Floats]:
        around = self.places[near] * self.scales
        values = self.values[near]
        between = _covariance(self._distance(around[:, :, None], around[:, None]))
        between += NUGGET * np.eye(near.shape[1])
        distance = self._distance(around, (places * self.scales)[:, None])
        to_place = _covariance(distance)
        right = np.stack([values, to_place, np.ones_like(values)], axis=2)
        solved = np.linalg.solve(between, right)
        level = solved[..., 0].sum(1) / solved[..., 2].sum(1)
        weights = solved[..., 1]
        mean = level + (weights * (values - level[:, None])).sum(1)
        return mean, 1.0 - (weights * to_place).sum(1), distance.min(1)

    def _distance(self, a: Floats, b: Floats) -> Floats:
        if self.order == ALONG_AXES:
            return np.asarray(np.abs(a - b).sum(-1))
        return np.asarray(np.sqrt(np.square(a - b).sum(-1)))


def fit_kriging(places: Floats, values: Floats, rng: np.random.Generator) -> Kriging:
    """Find distance and scales of the axes by coordinate descent on left-out errors."""
    probes = rng.permutation(len(values))[:PROBES]
    found = [_descend(places, values, order, probes) for order in ORDERS]
    return min(found, key=lambda pair: pair[0])[1]


def _descend(places: Floats, values: Floats, order: int, probes: Ints) -> tuple[float, Kriging]:
    """Return the least error found, and the model that makes it."""
    model = Kriging(places, values, np.full(places.shape[1], START), order)
    best = _left_out_error(model, probes)
    for _ in range(ROUNDS):
        for axis in range(places.shape[1]):
            for factor in FACTORS:
                scales = model.scales.copy()
                scales[axis] *= factor
                tried = replace(model, scales=scales)
                error = _left_out_error(tried, probes)
                if error < best:
                    best, model = error, tried
    return best, model


def _left_out_error(model: Kriging, probes: Ints) -> float:
    """Return the mean absolute error at probes that are all left out together."""
    rest = np.setdiff1d(np.arange(len(model.values)), probes)
    if len(rest) < len(probes):  # few values: leave out one at a time
        mean, _, _ = model.predict(model.places, leave_out=True)
        return float(np.abs(mean - model.values).mean())
    thinned = replace(model, places=model.places[rest], values=model.values[rest])
    mean, _, _ = thinned.predict(model.places[probes])
    return float(np.abs(mean - model.values[probes]).mean())


def _covariance(distance: Floats) -> Floats:
    return np.asarray(np.exp(-distance))
