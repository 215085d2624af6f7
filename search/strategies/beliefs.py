"""What a model-based search has learned: rows of what was evaluated, and the model of them.

Where candidates are compared by parts of an evaluation first, what the parts told is learned, too,
but never as what a whole evaluation would tell: see :mod:`search.surrogates.chain`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..fronts.dominance import FloatArray
from ..objectives.objective import Objective
from ..surrogates import Chain, Level, Surrogate
from ..surrogates.base import Floats

if TYPE_CHECKING:
    from searchspaces import Architecture

KEPT = 20_000  # architectures whose features are kept
LEAST_COST = 1e-3  # of the usual: what costs less counts as much in the logarithm
TINY = 1e-300  # stands for a range of nothing
WHOLE_SHARE = 1.0


class Beliefs:
    """Write architectures as rows, and fit a model to those that were evaluated.

    A row is ``d`` features, ``c`` logarithms of the costs and ``c`` costs as told: what a network
    gains by a given share more of cost is much the same everywhere.

    Args:
        features: Tells those of an architecture.
        goal: What is evaluated.
        column: Its place among the told values.
        costs: The ``c`` known objectives.
        succeeded: Architectures and told rows, in that order; grows as results come.
        process_limit: Results of one share up to which a Gaussian process is the model; beyond,
            trees.
        seed: Of the trees.
    """

    def __init__(
        self,
        features: Callable[[Architecture], npt.ArrayLike],
        goal: Objective,
        column: int,
        costs: Sequence[Objective],
        succeeded: Sequence[tuple[Architecture, FloatArray]],
        process_limit: int,
        seed: int,
    ) -> None:
        self._goal, self._column, self._costs = goal, column, tuple(costs)
        self._succeeded = succeeded
        self._features = lru_cache(maxsize=KEPT)(features)
        self._rows: dict[float, list[Floats]] = {WHOLE_SHARE: []}  # by share, in order of results
        self._least_costs = np.ones(len(self._costs))
        self._parts: dict[float, list[tuple[Architecture, float]]] = {}
        self._chain = Chain(process_limit, seed)
        self._model: tuple[tuple[int, int], Surrogate] | None = None

    def learn_usual(self, design: Sequence[Architecture]) -> None:
        """Take from a design from what on a cost is as good as none."""
        for column, cost in enumerate(self._costs if design else ()):
            usual = float(np.median(np.abs(cost.values(design))))
            self._least_costs[column] = max(LEAST_COST * usual, TINY)

    def values(self) -> Floats:
        """Return the evaluated objective of what succeeded ``(n,)``, minimised."""
        return np.array([self._goal.sign * row[self._column] for _, row in self._succeeded])

    def told(self) -> Floats:
        """Return the table of what succeeded ``(n, d + 2 c)``."""
        return self._rows_of(WHOLE_SHARE, [arch for arch, _ in self._succeeded])

    def table(self, archs: Sequence[Architecture]) -> Floats:
        """Return rows ``(n, d + 2 c)`` of architectures."""
        if not archs:
            return np.array(self._rows[WHOLE_SHARE][:1])[:0]
        costs = np.column_stack([cost.values(archs) for cost in self._costs])
        shares = np.log(np.maximum(costs, self._least_costs))
        return np.column_stack((self.features(archs), shares, costs))

    def features(self, archs: Sequence[Architecture]) -> Floats:
        """Return the features ``(n, d)`` of architectures."""
        return np.array([self._features(arch) for arch in archs], dtype=np.float64)

    def costs(self, table: Floats) -> Floats:
        """Return the costs ``(n, c)`` that rows hold, minimised."""
        signs = np.array([cost.sign for cost in self._costs])
        return np.asarray(table[:, -len(self._costs) :] * signs)

    def hear(self, arch: Architecture, share: float, value: float) -> None:
        """Learn what a part of an evaluation told.

        Args:
            arch: Of the evaluation.
            share: Of a whole one, below 1.
            value: Of the evaluated objective, as told.
        """
        self._parts.setdefault(share, []).append((arch, self._goal.sign * value))

    def model(self) -> Surrogate:
        """Return the model of everything told so far, and of the parts before it."""
        count = len(self._succeeded)
        state = count, sum(map(len, self._parts.values()))
        if self._model is None or self._model[0] != state:
            self._model = (state, self._chain.model(self._levels()))
        return self._model[1]

    def _levels(self) -> list[Level]:
        parts = [
            Level(
                share,
                self._rows_of(share, [arch for arch, _ in heard]),
                np.array([value for _, value in heard]),
            )
            for share, heard in sorted(self._parts.items())
        ]
        return [*parts, Level(WHOLE_SHARE, self.told(), self.values())]

    def _rows_of(self, share: float, archs: Sequence[Architecture]) -> Floats:
        """Return the table of architectures, of which those of before are kept."""
        rows = self._rows.setdefault(share, [])
        new = archs[len(rows) :]
        if new:
            rows += list(self.table(new))
        return np.array(rows)
