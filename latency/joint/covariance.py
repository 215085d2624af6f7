"""How costs may depart from the rates, and how such departures hang together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .equation import Equation
from .layer_work import FAMILIES, MEGA
from .modules import Modules
from .rates import Rates

Floats = npt.NDArray[np.float64]
LEAST_MS = 1e-4  # of a module that the rates give nothing: selections on some engines
START_DOUBT, LEAST_DOUBT_MS = 0.5, 0.02
"""Standard deviation of the cost of starting a graph, as a share of it, and at least."""


@dataclass(frozen=True, slots=True)
class Spread:
    """State standard deviations; all but ``border_ms`` are relative to what the rates give.

    Attributes:
        layer: Of layers, in common with layers of like shape.
        reach: Distance, in powers of two of a size, at which that likeness is 1/e.
        module: Of modules, each by itself.
        whole: Of all whole detectors in common: what parts do not show.
        border_ms: Of the milliseconds per mega element at borders, for each kind of ends.
        part_noise: Of a visit to a part of a detector.
        whole_noise: Of a visit to a whole detector.
    """

    layer: float = 0.2
    reach: float = 3.0
    module: float = 0.05
    whole: float = 0.01
    border_ms: float = 0.1
    part_noise: float = 0.02
    whole_noise: float = 0.01


FAMILY, KIND = 0.3, 0.2
"""Of layers in common with their family, of modules in common with their kind: so uncertain is
what nothing measured, such as an operator that an engine runs badly."""


class Terms:
    """Everything that the covariance of measured and asked-for graphs is made of.

    Args:
        modules: Of all graphs.
        counts: How often each occurs ``(n, modules)``.
        whole: Whether each graph is a whole detector ``(n,)``.
        borders: Mega elements at its borders ``(n,)``.
        ends: What those borders are ``(n,)``.
        rates: The trend.
    """

    def __init__(
        self,
        modules: Modules,
        counts: Floats,
        whole: npt.NDArray[np.bool_],
        borders: Floats,
        ends: Sequence[str],
        rates: Rates,
    ) -> None:
        self._modules = modules
        layer_ms = (modules.layer_work * rates.layers[modules.families]).sum(1)
        self.shares = modules.factors[:, None] * modules.repeats * layer_ms  # (modules, layers)
        self.module_ms = np.maximum(self.shares.sum(1), LEAST_MS)
        self.mean = counts @ self.module_ms + rates.start_ms + rates.border_ms * borders
        self.whole_mean = np.where(whole, self.mean, 0.0)
        self._counts = counts
        self.starts = np.full(len(borders), start_doubt_ms(rates))  # (n,)
        self._borders, self._ends = borders, np.array(ends, np.str_)

    @cached_property
    def by_layer(self) -> Floats:
        """Return the milliseconds of every layer in every graph ``(n, layers)``."""
        return np.asarray(self._counts @ self.shares)

    @cached_property
    def by_module(self) -> Floats:
        """Return the milliseconds of every module in every graph ``(n, modules)``."""
        return np.asarray(self._counts * self.module_ms)

    @cached_property
    def fixed(self) -> Floats:
        """Return the covariance that no parameter changes: starts, kinds, families ``(n, n)``."""
        kinds = self.by_module @ (KIND * self._modules.kinds)
        total = np.outer(self.starts, self.starts) + kinds @ kinds.T
        for _, times in self._families:
            common = FAMILY * times.sum(1)
            total += np.outer(common, common)
        return total

    @cached_property
    def borders(self) -> Floats:
        """Return the covariance of borders at a deviation of 1 ms per mega element ``(n, n)``."""
        same = self._ends[:, None] == self._ends
        return np.asarray(np.outer(self._borders, self._borders) * same)

    @cached_property
    def wholes(self) -> Floats:
        """Return the covariance of whole detectors at a relative deviation of 1 ``(n, n)``."""
        return np.outer(self.whole_mean, self.whole_mean)

    @cached_property
    def modules(self) -> Floats:
        """Return the covariance of modules at a relative deviation of 1 ``(n, n)``."""
        return np.asarray(self.by_module @ self.by_module.T)

    @cached_property
    def _families(self) -> list[tuple[Floats, Floats]]:
        """Return distances of layers, and their times in every graph, family by family."""
        found = []
        for family in range(len(FAMILIES)):
            which = self._modules.families == family
            if which.any():
                places = self._modules.places[which]
                found.append((distances(places, places), self.by_layer[:, which]))
        return found

    def layers(self, reach: float) -> Floats:
        """Return the covariance of layers at a relative deviation of 1 ``(n, n)``."""
        total = np.zeros_like(self.fixed)
        for apart, times in self._families:
            total += times @ np.exp(-apart / reach) @ times.T
        return total

    def covariance(self, spread: Spread, layers: Floats | None = None) -> Floats:
        """Return the covariance of all graphs ``(n, n)``, without noise.

        Args:
            spread: Standard deviations.
            layers: :meth:`layers` at the spread's reach, where it is known.
        """
        total = self.fixed + spread.whole**2 * self.wholes + spread.module**2 * self.modules
        total += spread.border_ms**2 * self.borders
        total += spread.layer**2 * (self.layers(spread.reach) if layers is None else layers)
        return np.asarray(total)


def module_variances(modules: Modules, terms: Terms, spread: Spread) -> Floats:
    """Return the variance of every module's cost before anything is measured ``(modules,)``."""
    total = (KIND**2 + spread.module**2 + spread.whole**2) * terms.module_ms**2
    for family in range(len(FAMILIES)):
        which = modules.families == family
        places, shares = modules.places[which], terms.shares[:, which]
        alike = likeness(distances(places, places), spread)
        total += ((shares @ alike) * shares).sum(1)
    return np.asarray(total)


def start_doubt_ms(rates: Rates) -> float:
    """Return the standard deviation of the milliseconds of starting a graph."""
    return START_DOUBT * rates.start_ms + LEAST_DOUBT_MS


def distances(a: Floats, b: Floats) -> Floats:
    """Return distances ``(n, m)`` of places ``(n, d)`` and ``(m, d)``."""
    square = np.square(a).sum(1)[:, None] + np.square(b).sum(1) - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))


def likeness(apart: Floats, spread: Spread) -> Floats:
    """Return covariances of relative deviations of layers of one family so far apart."""
    return np.asarray(FAMILY**2 + spread.layer**2 * np.exp(-apart / spread.reach))


def terms_of(equations: Sequence[Equation], modules: Modules, rates: Rates) -> Terms:
    """Return the terms of some equations."""
    return Terms(
        modules,
        modules.counts([equation.counts for equation in equations]),
        np.array([equation.whole for equation in equations], np.bool_),
        np.array([equation.border / MEGA for equation in equations]),
        [equation.ends for equation in equations],
        rates,
    )


def noise_of(equations: Sequence[Equation], spread: Spread) -> Floats:
    """Return the variance of every measurement's noise ``(n,)``."""
    shares = [spread.whole_noise if each.whole else spread.part_noise for each in equations]
    noise = [share * e.doubt * e.ms for share, e in zip(shares, equations, strict=True)]
    return np.asarray(np.square(noise) / np.array([each.visits for each in equations]))
