"""The evolutionary search of DetNAS (Chen et al., NeurIPS 2019), sec. 3.4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..objectives.objective import Bound, Objective, evaluated_objective
from .base import StrategyBase
from .checks import check_count, check_options, check_share
from .contract import StrategyOptions
from .draw import CROSSED, Draw, Source

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace


@dataclass(frozen=True, slots=True)
class DetNasOptions(StrategyOptions):
    """Options of :class:`DetNasStrategy`; the defaults are the paper's.

    Attributes:
        population: Networks per generation.
        parents: Best networks so far that the children of a generation descend from.
        random_share: Share of every generation that is sampled afresh, in [0, 1]. The paper has
            none; its released code samples 10 of 50 (0.2).

    Raises:
        StrategyError: A value is out of range.
    """

    population: int = 50
    parents: int = 10
    random_share: float = 0.0

    def __post_init__(self) -> None:
        # not super(): the class that slots=True makes is another than the one written here
        StrategyOptions.__post_init__(self)
        check_count("population", self.population, 1)
        check_count("parents", self.parents, 1)
        check_share("random_share", self.random_share)


class DetNasStrategy(StrategyBase):
    """Evolve a population towards the first objective that is not known.

    The first generation is sampled. At the start of every other one the best ``parents`` of all
    told so far are fixed; its children are made half by mutation of one parent, half by crossover
    of two different ones, alternately. The constraint is hard: a child that violates it is
    discarded and replaced. How many genes a mutation redraws is the space's matter (0.1 each in
    the DetNAS spaces). Where crossing gives nothing new, as it does once the parents are alike, a
    parent is mutated instead; where that gives nothing new, the proposal is sampled.

    Raises:
        ObjectiveError: Every objective is known, so that there is nothing to evolve towards.
    """

    name = "detnas-ea"
    options_type = DetNasOptions

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Bound] = (),
        seed: int = 0,
        options: StrategyOptions | None = None,
    ) -> None:
        super().__init__(space, objectives, constraints, seed, options)
        self._setup = check_options(self.name, self.options, DetNasOptions)
        self._goal = evaluated_objective(self.name, self.objectives)
        self._parents: list[Architecture] = []
        self._proposed = 0

    @property
    def generation(self) -> int:
        """Return the zero-based generation of the next proposal."""
        return self._proposed // self._setup.population

    @property
    def parents(self) -> tuple[Architecture, ...]:
        """Return the parents of the current generation, best first."""
        return tuple(self._parents)

    def _sources(self) -> Sequence[Source]:
        place = self._proposed % self._setup.population
        if place == 0:
            self._parents = self._best()
        self._proposed += 1
        child = place - round(self._setup.random_share * self._setup.population)
        if child < 0 or not self._parents:
            return (self._sample,)
        if child % 2 and len(self._parents) > 1:
            return (self._crossed, self._mutated, self._sample)
        return (self._mutated, self._sample)

    def _best(self) -> list[Architecture]:
        column, sign = self.objectives.index(self._goal), self._goal.sign
        ranked = sorted(self._succeeded, key=lambda told: sign * told[1][column])  # stable
        return [architecture for architecture, _ in ranked[: self._setup.parents]]

    def _mutated(self) -> Draw:
        return self._mutant(self._parents[int(self._rng.integers(len(self._parents)))])

    def _crossed(self) -> Draw:
        places = self._rng.choice(len(self._parents), size=2, replace=False).tolist()
        first, second = (self._parents[place] for place in places)
        child = self.space.crossover(first, second, self._rng)
        return Draw(child, CROSSED, (first, second))
