"""Partial order pruning: leave out what can only be worse than what is known.

Li, Zhou, Pan, Feng, "Partial Order Pruning: for Best Speed/Accuracy Trade-off in Neural
Architecture Search", CVPR 2019, arXiv:1903.03777, as SM-NAS (Yao et al., AAAI 2020) uses it in
both stages. What is deeper or wider is assumed to be more accurate and is slower. So where x is
nowhere deeper or wider than an evaluated y, and an evaluated z is at least as accurate as y while
costing no more than x, then z is at least as good as x in everything, and x need not be tried.

Costs are known; the accuracy of x is only assumed to be at most that of y. The assumption is wrong
now and then, so what is evaluated anyway is compared with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from searchspaces import Architecture

from ..errors import StrategyError
from ..fronts.dominance import FloatArray, minimised, nondominated
from ..objectives.objective import Objective

if TYPE_CHECKING:
    from searchspaces import SearchSpace

Order = Callable[[Architecture, Architecture], bool]

COMPARED = 200  # earlier results that a new one is compared with, to test the assumption


@dataclass(frozen=True, slots=True)
class Pruned:
    """Say why an architecture need not be evaluated.

    Attributes:
        below: Evaluated, and nowhere shallower or narrower than it.
        beaten_by: Evaluated, at least as accurate as ``below`` and no more costly than it.
    """

    below: Architecture
    beaten_by: Architecture


def order_of(space: SearchSpace) -> Order | None:
    """Return which of two architectures of a space is nowhere deeper or wider than the other.

    Takes ``precedes(a, b)`` of the space, or makes it from its ``gene_order``.

    Returns:
        ``None`` where the space offers neither: nothing is guessed from its genes or features.

    Raises:
        StrategyError: ``gene_order`` is not one sequence of different values per gene.
    """
    precedes: Order | None = getattr(space, "precedes", None)
    if precedes is not None:
        return precedes
    orders = getattr(space, "gene_order", None)
    return None if orders is None else by_genes(orders)


def by_genes(orders: Sequence[Sequence[int | str]]) -> Order:
    """Make the order in which no gene of the first stands behind that of the second.

    Args:
        orders: The values of every gene from the least to the most. Values that are not among
            them compare with nothing but themselves.

    Raises:
        StrategyError: A value stands twice.

    Example:
        >>> precedes = by_genes([("skip", "mb3", "mb6")] * 2)
        >>> small = Architecture("macro", ("skip", "mb3"))
        >>> precedes(small, Architecture("macro", ("mb3", "mb3")))
        True
        >>> precedes(small, Architecture("macro", ("mb6", "skip")))
        False
    """
    ranks = [{gene: place for place, gene in enumerate(values)} for values in orders]
    if any(len(rank) != len(values) for rank, values in zip(ranks, orders, strict=True)):
        raise StrategyError(f"gene_order must name every value of a gene once, got {orders!r}")

    def precedes(a: Architecture, b: Architecture) -> bool:
        if not len(a.genes) == len(b.genes) == len(ranks):
            raise StrategyError(
                f"gene_order orders {len(ranks)} genes, but {a} has {len(a.genes)} and {b} has "
                f"{len(b.genes)}"
            )
        return all(
            x == y or rank.get(x, np.inf) < rank.get(y, -1)
            for x, y, rank in zip(a.genes, b.genes, ranks, strict=True)
        )

    return precedes


def cannot_prune(space: SearchSpace, objectives: Sequence[Objective]) -> str | None:
    """Say why the rule does not hold for a search; ``None`` where it does."""
    evaluated = [goal for goal in objectives if not goal.is_known]
    falling = [goal.name for goal in evaluated if goal.direction == "min"]
    if order_of(space) is None:
        return f"{space.name} has neither precedes() nor gene_order to say what is deeper or wider"
    if len(evaluated) == len(objectives):
        return "no objective is known, so that costs cannot be compared before an evaluation"
    if not evaluated:
        return "every objective is known, so that nothing has to be assumed"
    if falling:
        return f"{falling[0]} is evaluated and minimised; only an accuracy grows with the network"
    return None


class PartialOrder:
    """Decide what need not be evaluated, and test the assumption on what was.

    Args:
        precedes: Whether the first architecture is nowhere deeper or wider than the second.
        objectives: Some known, and some evaluated and maximised.
        tolerance: By how much an evaluated value may differ by chance, in its own unit.

    Attributes:
        pairs: Evaluated pairs of which one is nowhere deeper or wider than the other.
        violated: Of these, pairs whose smaller one is better by more than the tolerance.
    """

    def __init__(
        self, precedes: Order, objectives: Sequence[Objective], tolerance: float = 0.0
    ) -> None:
        self._precedes = precedes
        self._objectives = tuple(objectives)
        self._tolerance = tolerance
        known = np.array([goal.is_known for goal in objectives])
        self._known, self._evaluated = np.flatnonzero(known), np.flatnonzero(~known)
        self._architectures: list[Architecture] = []
        self._costs: FloatArray = np.empty((0, len(self._objectives)))
        self._front: list[int] = []
        self.pairs = 0
        self.violated = 0

    def tell(
        self, architecture: Architecture, values: FloatArray, *, feasible: bool = True
    ) -> None:
        """Add an evaluated architecture.

        Args:
            architecture: Not told before.
            values: ``(n_objectives,)``, all finite.
            feasible: Whether it keeps the constraints, so that it may beat others.
        """
        cost = minimised([values], self._objectives)[0]
        self._test(architecture, cost[self._evaluated])
        self._architectures.append(architecture)
        self._costs = np.vstack((self._costs, cost))
        if not feasible:
            return
        candidates = [*self._front, len(self._architectures) - 1]
        kept = nondominated(self._values(candidates), self._objectives)
        self._front = [row for row, keep in zip(candidates, kept, strict=True) if keep]

    def verdict(self, architecture: Architecture) -> Pruned | None:
        """Return why an architecture need not be evaluated, or ``None`` if it has to be.

        Whatever beats it may as well be taken from the front of what was told.
        """
        goals = [self._objectives[column] for column in self._known.tolist()]
        own = np.array([goal.sign * goal.value(architecture) for goal in goals])
        front = np.array(self._front, dtype=np.int64)
        rivals = front[(self._costs[front][:, self._known] <= own).all(axis=1)]
        if not len(rivals):
            return None
        told = self._costs[:, self._evaluated]
        reached = told[rivals] + self._tolerance  # (r, e), minimised
        beaten: npt.NDArray[np.bool_] = np.all(reached[None] <= told[:, None], axis=2)  # (n, r)
        for row in np.flatnonzero(beaten.any(axis=1)).tolist():
            below = self._architectures[row]
            if self._precedes(architecture, below):
                rival = int(rivals[np.argmax(beaten[row])])
                return Pruned(below, self._architectures[rival])
        return None

    def is_better(self, values: FloatArray, than: FloatArray) -> bool:
        """Return whether an evaluated value ``(n_objectives,)`` exceeds by more than tolerance."""
        costs = minimised([values, than], self._objectives)[:, self._evaluated]
        return bool((costs[0] < costs[1] - self._tolerance).any())

    def on_front(self, architecture: Architecture) -> bool:
        """Return whether nothing that was told is better than an architecture that was told."""
        return architecture in (self._architectures[row] for row in self._front)

    def _test(self, architecture: Architecture, cost: FloatArray) -> None:
        """Compare a new result with earlier ones that are comparable."""
        first = max(0, len(self._architectures) - COMPARED)
        for row in range(first, len(self._architectures)):
            other, told = self._architectures[row], self._costs[row, self._evaluated]
            if self._precedes(architecture, other):
                smaller, larger = cost, told
            elif self._precedes(other, architecture):
                smaller, larger = told, cost
            else:
                continue
            self.pairs += 1
            self.violated += bool((smaller < larger - self._tolerance).any())

    def _values(self, rows: Sequence[int]) -> FloatArray:
        signs = np.array([goal.sign for goal in self._objectives])
        values: FloatArray = self._costs[list(rows)] * signs
        return values
