"""How times of a family grow with size, before anything is said about single modules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from searchspaces import ModuleSpec

from .features import trend, work
from .prior import Prior
from .waves import Waves

Floats = npt.NDArray[np.float64]
MIN_FOR_WAVES = 100
"""Below, rates of kernels are guesses; the logarithm of work comes first instead."""

RIDGE = 1.0


@dataclass(frozen=True, slots=True)
class Trend:
    """Hold a first guess and a ridge regression of what it leaves of log(ms).

    Attributes:
        waves: What kernels need; ``None`` where there are few modules.
        centre: Mean of every column ``(b,)``.
        spread: Standard deviation of every column ``(b,)``, at least a small number.
        limits: Smallest and largest standardised value ``(2, b)``; beyond, the guess alone counts.
        weights: Of 1, the columns and, where there are many modules, their squares.
        prior: What a simulated device says; ``None`` without one.
    """

    waves: Waves | None
    centre: Floats
    spread: Floats
    limits: Floats
    weights: Floats
    prior: Prior | None = field(default=None, kw_only=True)

    @classmethod
    def fit(
        cls,
        specs: Sequence[ModuleSpec],
        table: Floats,
        log_ms: Floats,
        rng: np.random.Generator,
        prior: Prior | None = None,
    ) -> Trend:
        """Fit on modules, their features ``(n, f)`` and log(ms) ``(n,)``."""
        many = len(specs) >= MIN_FOR_WAVES
        waves = Waves.fit(table, log_ms, rng) if many else None
        guess, columns = _guess(specs, table, waves, prior)
        centre, spread = columns.mean(0), np.maximum(columns.std(0), 1e-9)
        z = (columns - centre) / spread
        limits = np.stack([z.min(0), z.max(0)])
        count = 1 + columns.shape[1] * (2 if many else 1)
        design = cls(waves, centre, spread, limits, np.zeros(count))._design(columns)
        penalty = RIDGE * np.eye(count)
        penalty[0, 0] = 0.0  # the level is free
        solved = np.linalg.solve(design.T @ design + penalty, design.T @ (log_ms - guess))
        return cls(waves, centre, spread, limits, np.asarray(solved, np.float64), prior=prior)

    def apply(self, specs: Sequence[ModuleSpec], table: Floats) -> Floats:
        """Return log(ms) ``(n,)`` of modules with their features ``(n, f)``."""
        guess, columns = _guess(specs, table, self.waves, self.prior)
        return np.asarray(guess + self._design(columns) @ self.weights)

    def _design(self, columns: Floats) -> Floats:
        z = np.clip((columns - self.centre) / self.spread, *self.limits)
        both = np.concatenate([np.ones((len(z), 1)), z, z**2], axis=1)
        return both[:, : len(self.weights)]


def _guess(
    specs: Sequence[ModuleSpec], table: Floats, waves: Waves | None, prior: Prior | None
) -> tuple[Floats, Floats]:
    """Return a first guess of log(ms) ``(n,)`` and the columns of the regression ``(n, b)``."""
    said = None if prior is None else prior.log_ms(specs)
    if waves is None:
        return work(specs) if said is None else said, trend(table)
    guess = waves.apply(table)
    columns = [trend(table), guess] if said is None else [trend(table), guess, said]
    return guess, np.column_stack(columns)
