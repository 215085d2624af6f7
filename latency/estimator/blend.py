"""Networks beside trees: how much of each an estimate takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import PredictorError
from .encoding import Encoding
from .features import COUNT
from .jobs import Plan
from .network import Networks, fit_networks

Floats = npt.NDArray[np.float64]
SHARES = np.linspace(0.0, 1.0, 11)
"""Tried; taken is what errs least on modules that were left out, in percent."""


@dataclass(frozen=True, slots=True)
class Blend:
    """Hold networks and how much they count.

    Attributes:
        encoding: What they see of a module.
        networks: What the trend leaves, from a module alone, whatever its neighbours.
        share: Of the networks in an estimate, above 0 and at most 1.
    """

    encoding: Encoding
    networks: Networks
    share: float

    def same_as(self, other: Blend) -> bool:
        """Return whether both say the same."""
        mine, theirs = self.networks, other.networks
        pairs = zip(mine.weights, theirs.weights, strict=True)
        return self.share == other.share and all(np.array_equal(a, b) for a, b in pairs)

    def mix(self, said: Floats, level: Floats, table: Floats, places: Floats) -> Floats:
        """Return log(ms) ``(n,)`` of what the trees say and what the networks say."""
        other = level + self.networks.predict(self.encoding.encode(table, places))
        return (1.0 - self.share) * said + self.share * other

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what :meth:`from_arrays` takes."""
        layers = zip(self.networks.weights, self.networks.biases, strict=True)
        found: dict[str, npt.NDArray[Any]] = {"share": np.array(self.share)}
        for depth, (weights, biases) in enumerate(layers):
            found |= {f"weights{depth}": weights, f"biases{depth}": biases}
        return found | dict(self.encoding.arrays())

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], axes: int) -> Blend:
        """Read back what :meth:`arrays` gave.

        Args:
            arrays: By name.
            axes: How many coordinates a place has.

        Raises:
            PredictorError: An array is missing, holds what it must not, or does not fit.
        """
        depths = sum(name.startswith("weights") for name in arrays)
        layers = [f"{kind}{i}" for kind in ("weights", "biases") for i in range(depths)]
        names = ("share", "centre", "spread", "knots", "counts")
        missing = [name for name in (*names, *layers) if name not in arrays]
        if missing or not depths:
            raise PredictorError(f"the networks lack {', '.join(missing) or 'layers'}")
        wrong = [name for name in (*names, *layers) if not _finite(arrays[name])]
        if wrong:
            raise PredictorError(f"the networks' array {wrong[0]!r} must hold finite numbers")
        centre, spread, knots, counts = (arrays[n].astype(np.float64) for n in names[1:])
        weights = tuple(arrays[name].astype(np.float32) for name in layers[:depths])
        biases = tuple(arrays[name].astype(np.float32) for name in layers[depths:])
        share = float(arrays["share"])
        whole = counts.shape == (axes,) and counts.sum() == knots.size and (counts >= 0).all()
        if not (whole and 0 < share <= 1 and centre.shape == spread.shape == (COUNT,)):
            raise PredictorError("the networks' arrays do not fit one another")
        encoding = Encoding.from_arrays(centre, spread, knots, counts)
        _check(weights, biases, encoding.width)
        return cls(encoding, Networks(weights, biases), share)


def _finite(array: npt.NDArray[Any]) -> bool:
    return array.dtype.kind in "fiu" and bool(np.isfinite(array).all())


def _check(
    weights: tuple[npt.NDArray[np.float32], ...],
    biases: tuple[npt.NDArray[np.float32], ...],
    width: int,
) -> None:
    """Refuse layers that do not follow one another from ``width`` inputs to one output."""
    for each, offsets in zip(weights, biases, strict=True):
        fits = each.ndim == 3 and each.shape[:2] == (len(weights[0]), width)
        if not (fits and len(each) and offsets.shape == (len(each), each.shape[2])):
            raise PredictorError("the networks' layers do not fit one another")
        width = each.shape[2]
    if width != 1:
        raise PredictorError(f"the networks must have 1 output, got {width}")


@dataclass(frozen=True, slots=True)
class Trained:
    """Hold networks before it is known how much they count.

    Attributes:
        encoding: What they see of a module.
        networks: All of them.
        errors: By how much each value exceeds what the network that left it out says ``(n,)``.
    """

    encoding: Encoding
    networks: Networks
    errors: Floats

    def beside(self, errors: Floats) -> tuple[Blend | None, Floats]:
        """Return networks beside the trees, if they help, and the errors of both together.

        Args:
            errors: Of trees that left modules out ``(n,)``.
        """
        mixed = [(1.0 - share) * errors + share * self.errors for share in SHARES]
        best = int(np.argmin([np.abs(np.expm1(-each)).mean() for each in mixed]))
        if not SHARES[best]:
            return None, errors
        return Blend(self.encoding, self.networks, float(SHARES[best])), mixed[best]


def train(
    table: Floats, places: Floats, values: Floats, rng: np.random.Generator, share: float = 1.0
) -> Plan[Trained]:
    """Plan to train networks on what the trend leaves.

    Args:
        table: Features ``(n, f)``.
        places: Coordinates ``(n, d)``.
        values: What the trend leaves of log(ms) ``(n,)``.
        rng: Draws what networks begin with.
        share: Of the usual epochs, above 0 and at most 1.
    """
    encoding = Encoding.of(table, places)
    inputs = encoding.encode(table, places)
    networks, errors = yield from fit_networks(inputs, values, rng, share)
    return Trained(encoding, networks, errors)
