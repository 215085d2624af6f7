"""Layers by what was learned of them on another device: a trend where few measurements must do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from searchspaces import ModuleSpec

from ..simulated.layers import Layer
from .costs import JointCosts
from .covariance import LEAST_MS
from .modules import Modules, modules_of
from .rates import main_rate

Floats = npt.NDArray[np.float64]
MOST_FACTOR = 3.0  # of a layer or module over what its work says: beyond, noise speaks
LEAST_USUAL = 0.05  # of what is usual: a rate of nothing there need not be nothing here

PULL = 0.1
"""Weight of the source's balance of rates against one equation."""


@dataclass(frozen=True)
class KnownBasis:
    """Know layers by their work, and by how far their times departed from it elsewhere.

    The balance between arithmetic, memory and launches is the source's until measurements say
    otherwise. Departures of layers and modules from it (a shape that a library serves well) are
    taken over to a power: at 1 they are thought the same on both devices, at 0 to have nothing in
    common. Kennedy and O'Hagan, "Predicting the output from a complex computer code when fast
    approximations are available", Biometrika 2000, scale a source's departures in the same way.

    Attributes:
        source: Costs there.
        alike: The power, 0 to 1.
    """

    source: JointCosts
    alike: float = 1.0

    @property
    def pull(self) -> float:
        """Return the weight of what is usual against one equation."""
        return PULL

    def work(self, layers: Sequence[Layer]) -> Floats:
        """Return the source's work of layers times their departures there ``(layers, WORK)``."""
        departures = _bounded(self.source.departures(layers)) ** self.alike
        return np.asarray(self.source.basis.work(layers) * departures[:, None])

    def usual(self) -> Floats:
        """Return the source's rates as shares of its main one ``(families, WORK)``."""
        shares = self.source.rates.layers / self._main_rate
        return np.asarray(np.maximum(shares, LEAST_USUAL * self.source.basis.usual()))

    def factors(self, specs: Sequence[ModuleSpec]) -> Floats:
        """Return what modules take there over their layers, to the power ``(modules,)``."""
        modules = Modules(specs, self.source.basis)
        layers_ms = modules.repeats @ self.source.layers_ms(modules.layers)
        there = [self._as_there(spec) for spec in modules.specs]
        ms = np.array([part.ms for part in self.source.modules(there)])
        return np.asarray(_bounded(ms / np.maximum(layers_ms, LEAST_MS)) ** self.alike)

    def _as_there(self, spec: ModuleSpec) -> ModuleSpec:
        """Return a module as it was measured there: in another precision, it may be."""
        if spec.dtype == self._precision or self.source.measured(spec):
            return spec
        return replace(spec, dtype=self._precision)

    @cached_property
    def _precision(self) -> str:
        return next(spec.dtype for each in self.source.equations for spec in each.counts)

    @cached_property
    def _main_rate(self) -> float:
        equations = self.source.equations
        return main_rate(equations, modules_of(equations, self.source.basis))


def _bounded(ratio: Floats) -> Floats:
    return np.asarray(np.clip(ratio, 1 / MOST_FACTOR, MOST_FACTOR))
