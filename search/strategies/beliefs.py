"""What a model-based search has learned: rows of what succeeded, and the model of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..fronts.dominance import FloatArray
from ..objectives.objective import Objective
from ..surrogates import GaussianProcess, Surrogate, TreeEnsemble, choose_parameters

if TYPE_CHECKING:
    from searchspaces import Architecture

    from ..surrogates import Parameters

FEWEST_RESULTS = 4  # that a model is made of
GROWTH = 1.15  # parameters are chosen, and trees grown, anew each time there are so many more
KEPT = 20_000  # architectures whose features are kept
LEAST_COST = 1e-3  # of the usual: what costs less counts as much in the logarithm
TINY = 1e-300  # stands for a range of nothing

Floats = npt.NDArray[np.float64]


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
        process_limit: Results up to which a Gaussian process is the model; beyond, trees.
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
        self._succeeded, self._limit, self._seed = succeeded, process_limit, seed
        self._features = lru_cache(maxsize=KEPT)(features)
        self._rows: list[Floats] = []  # of what succeeded, in that order
        self._least_costs = np.ones(len(self._costs))
        self._parameters: dict[int, Parameters] = {}
        self._forests: dict[int, TreeEnsemble] = {}
        self._model: tuple[int, Surrogate] | None = None

    @property
    def fitted_to(self) -> int | None:
        """Return how many results the model is of; ``None`` before the first was fitted."""
        return None if self._model is None else self._model[0]

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
        new = [arch for arch, _ in self._succeeded[len(self._rows) :]]
        if new:
            self._rows += list(self.table(new))
        return np.array(self._rows)

    def table(self, archs: Sequence[Architecture]) -> Floats:
        """Return rows ``(n, d + 2 c)`` of architectures."""
        if not archs:
            return np.array(self._rows[:1])[:0]
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

    def model(self) -> Surrogate:
        """Return the model of everything told so far.

        Parameters and trees are those of the results that there were at certain numbers of them,
        which the results alone decide.
        """
        count = len(self._succeeded)
        if self._model is None or self._model[0] != count:
            self._model = (count, self._fit(count))
        return self._model[1]

    def _fit(self, count: int) -> Surrogate:
        table, values = self.told(), self.values()
        then = last_milestone(count)
        if count > self._limit:
            if then not in self._forests:
                self._forests = {then: TreeEnsemble(table[:then], values[:then], self._seed)}
            return self._forests[then]
        if then not in self._parameters:
            self._parameters = {then: choose_parameters(table[:then], values[:then])}
        return GaussianProcess(table, values, self._parameters[then])


def last_milestone(count: int) -> int:
    """Return the largest milestone up to a number of results: each is 1.15 times the one before.

    Example:
        >>> [last_milestone(n) for n in (4, 5, 30, 31, 500)]
        [4, 5, 29, 29, 494]
    """
    milestone = FEWEST_RESULTS
    while (following := max(milestone + 1, int(GROWTH * milestone))) <= count:
        milestone = following
    return milestone
