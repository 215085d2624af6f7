"""Modules as the inputs of a network: features on one scale, and every size of an axis by itself.

Times make steps between one size and the next, which a network learns from an input of its own per
size sooner than from one number. Between two sizes their inputs share, so that a size that was
never measured is read as a mixture of its neighbours (linear splines, "hat" functions).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
MOST_KNOTS = 48
"""An axis with more sizes than these is described by as many of their quantiles."""

FARTHEST = 4.0  # standard deviations; what lies beyond is read as this
_ROUND = 6


@dataclass(frozen=True, slots=True)
class Encoding:
    """Hold scales and sizes.

    Attributes:
        centre: Mean of every feature ``(f,)``.
        spread: Standard deviation of every feature ``(f,)``, 1 where it never varies.
        knots: Of every axis its sizes, rising.
    """

    centre: Floats
    spread: Floats
    knots: tuple[Floats, ...]

    @classmethod
    def of(cls, table: Floats, places: Floats) -> Encoding:
        """Describe features ``(n, f)`` and coordinates ``(n, d)`` of measured modules."""
        spread = table.std(0)
        spread = np.where(spread > 1e-9, spread, 1.0)
        return cls(table.mean(0), spread, tuple(map(_knots, places.T)))

    @property
    def width(self) -> int:
        """Return how many inputs a network has."""
        return len(self.centre) + sum(map(len, self.knots))

    def encode(self, table: Floats, places: Floats) -> Floats:
        """Return the inputs ``(n, width)`` of modules."""
        z = np.clip((table - self.centre) / self.spread, -FARTHEST, FARTHEST)
        return np.concatenate([z, *map(_hats, places.T, self.knots)], axis=1)

    def arrays(self) -> dict[str, Floats]:
        """Return what :meth:`from_arrays` takes."""
        counts = np.array([len(knots) for knots in self.knots], np.float64)
        joined = np.concatenate([*self.knots, np.zeros(0)])
        return {"centre": self.centre, "spread": self.spread, "knots": joined, "counts": counts}

    @classmethod
    def from_arrays(
        cls, centre: Floats, spread: Floats, knots: Floats, counts: Floats
    ) -> Encoding:
        """Read back what :meth:`arrays` gave; its width tells whether it fits."""
        ends = np.cumsum(counts).astype(np.int64)
        return cls(centre, spread, tuple(np.split(knots, ends[:-1]) if len(ends) else ()))


def _knots(sizes: Floats) -> Floats:
    distinct = np.unique(np.round(sizes, _ROUND))
    if len(distinct) <= MOST_KNOTS:
        return np.asarray(distinct)
    return np.unique(np.quantile(distinct, np.linspace(0.0, 1.0, MOST_KNOTS)))


def _hats(sizes: Floats, knots: Sequence[float] | Floats) -> Floats:
    """Return how much of every knot is in a size ``(n, k)``; at most two are above zero."""
    knots = np.asarray(knots, np.float64)
    found = np.zeros((len(sizes), len(knots)))
    if len(knots) < 2:
        return found
    inside, rows = np.clip(sizes, knots[0], knots[-1]), np.arange(len(sizes))
    below = np.clip(np.searchsorted(knots, inside, side="right") - 1, 0, len(knots) - 2)
    share = (inside - knots[below]) / (knots[below + 1] - knots[below])
    found[rows, below], found[rows, below + 1] = 1.0 - share, share
    return found
