"""NSGA-II: evolution towards a front, for any number of objectives.

Deb, Pratap, Agarwal, Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II",
IEEE Transactions on Evolutionary Computation 2002, doi:10.1109/4235.996017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..fronts.dominance import FloatArray, minimised
from ..fronts.survival import survivors
from ..objectives.objective import Bound, Objective
from .base import StrategyBase
from .checks import check_count, check_options, check_share
from .contract import StrategyOptions
from .draw import CROSSED, CROSSED_AND_MUTATED, Draw, Source

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace


@dataclass(frozen=True, slots=True)
class Nsga2Options(StrategyOptions):
    """Options of :class:`Nsga2Strategy`.

    Attributes:
        population: Networks per generation, and networks that survive one. Twenty found fronts of
            a tabular benchmark in fewer evaluations than fifty did.
        crossover: Share of the children that descend from two parents, in [0, 1]; the paper's.
        mutation: Share of the crossed children that are mutated, too, in [0, 1]. A child of one
            parent is always mutated.

    Raises:
        StrategyError: A value is out of range.
    """

    population: int = 20
    crossover: float = 0.9
    mutation: float = 0.9

    def __post_init__(self) -> None:
        # not super(): the class that slots=True makes is another than the one written here
        StrategyOptions.__post_init__(self)
        check_count("population", self.population, 1)
        check_share("crossover", self.crossover)
        check_share("mutation", self.mutation)


@dataclass(frozen=True, slots=True)
class _Parent:
    architecture: Architecture
    values: FloatArray
    rank: int
    distance: float


class Nsga2Strategy(StrategyBase):
    """Evolve a population towards the Pareto front of all objectives.

    The first generation is sampled. At the start of every other one the best of the parents and
    of all that was told since survive, by constrained domination and crowding; its children
    descend from survivors that each won a tournament of two. Nothing that violates a known
    constraint is proposed, but may be told: constrained domination ranks it behind. How many
    genes a mutation changes is the space's matter. Where a child is nothing new, a survivor is
    mutated; where that gives nothing new, the proposal is sampled.
    """

    name = "nsga2"
    options_type = Nsga2Options

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Bound] = (),
        seed: int = 0,
        options: StrategyOptions | None = None,
    ) -> None:
        super().__init__(space, objectives, constraints, seed, options)
        self._setup = check_options(self.name, self.options, Nsga2Options)
        self._parents: list[_Parent] = []
        self._proposed = 0
        self._ranked = 0  # results that have competed

    @property
    def generation(self) -> int:
        """Return the zero-based generation of the next proposal."""
        return self._proposed // self._setup.population

    @property
    def parents(self) -> tuple[Architecture, ...]:
        """Return the survivors that the current generation descends from, best first."""
        return tuple(parent.architecture for parent in self._parents)

    def _sources(self) -> Sequence[Source]:
        if self._proposed % self._setup.population == 0:
            self._parents = self._survivors()
        self._proposed += 1
        if not self._parents:
            return (self._sample,)
        return (self._child, self._mutated, self._sample)

    def _survivors(self) -> list[_Parent]:
        """Return the best of the parents and of what was told since they were chosen."""
        told = [(parent.architecture, parent.values) for parent in self._parents]
        told += self._succeeded[self._ranked :]
        self._ranked = len(self._succeeded)
        if not told:
            return []
        costs = minimised(np.array([row for _, row in told]), self.objectives)
        excess = np.array([self.constraints.excess(architecture) for architecture, _ in told])
        best = survivors(costs, excess, self._setup.population)
        return [_Parent(*told[row], rank, distance) for row, rank, distance in best]

    def _child(self) -> Draw:
        if len(self._parents) < 2 or self._rng.random() >= self._setup.crossover:
            return self._mutant(self._won())
        parents = (self._won(), self._won())
        child = self.space.crossover(*parents, self._rng)
        if self._rng.random() >= self._setup.mutation or not self.space.is_valid(child):
            return Draw(child, CROSSED, parents)
        return Draw(self.space.mutate(child, self._rng), CROSSED_AND_MUTATED, parents)

    def _mutated(self) -> Draw:
        parent = self._parents[int(self._rng.integers(len(self._parents)))]
        return self._mutant(parent.architecture)

    def _won(self) -> Architecture:
        """Draw two parents and return the better one; the first drawn where they are equal."""
        places = self._rng.integers(len(self._parents), size=2)
        drawn = [self._parents[int(place)] for place in places]
        return min(drawn, key=lambda parent: (parent.rank, -parent.distance)).architecture
