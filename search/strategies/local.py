"""Local search from the front, from several starts.

White, Nolen, Savani, "Exploring the loss landscape in neural architecture search", UAI 2021,
arXiv:2005.02960, shows how far local search goes with one objective; with several, Paquete,
Chiarandini, Stuetzle, "Pareto local optimum sets in the biobjective traveling salesman problem",
2004, explores the neighbours of everything that is not dominated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..fronts.dominance import FloatArray, nondominated
from ..objectives.objective import Bound, Objective
from .base import StrategyBase
from .checks import check_count, check_options, check_share
from .contract import StrategyOptions
from .draw import STEPPED, Draw, Source
from .neighbours import neighbour

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace


@dataclass(frozen=True, slots=True)
class LocalOptions(StrategyOptions):
    """Options of :class:`LocalStrategy`.

    Attributes:
        starts: Networks that are sampled first.
        restarts: Share of the later proposals that are sampled, too, in [0, 1]: new starts.

    Raises:
        StrategyError: A value is out of range.
    """

    starts: int = 10
    restarts: float = 0.1

    def __post_init__(self) -> None:
        # not super(): the class that slots=True makes is another than the one written here
        StrategyOptions.__post_init__(self)
        check_count("starts", self.starts, 1)
        check_share("restarts", self.restarts)


class LocalStrategy(StrategyBase):
    """Propose neighbours of what is not dominated, the least explored first.

    After the starts, every proposal changes a member of the Pareto front of all told so far by
    one step: one gene where the space says what genes may be, else a mutation. Members take
    turns. Where a member's neighbours give nothing new, the proposal is sampled: a new start.
    """

    name = "local"
    options_type = LocalOptions

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Bound] = (),
        seed: int = 0,
        options: StrategyOptions | None = None,
    ) -> None:
        super().__init__(space, objectives, constraints, seed, options)
        self._setup = check_options(self.name, self.options, LocalOptions)
        self._proposed = 0
        self._explored: dict[Architecture, int] = {}
        self._front: list[tuple[Architecture, FloatArray]] = []
        self._ranked = 0  # results that the front is made of

    @property
    def front(self) -> tuple[Architecture, ...]:
        """Return what is explored: the Pareto front of all told, in that order."""
        if self._ranked != len(self._succeeded):
            told = [*self._front, *self._succeeded[self._ranked :]]
            kept = nondominated(np.array([row for _, row in told]), self.objectives)
            self._front = [told[place] for place in np.flatnonzero(kept).tolist()]
            self._ranked = len(self._succeeded)
        return tuple(architecture for architecture, _ in self._front)

    def _sources(self) -> Sequence[Source]:
        self._proposed += 1
        front = self.front
        if self._proposed <= self._setup.starts or not front:
            return (self._sample,)
        if self._rng.random() < self._setup.restarts:
            return (self._sample,)
        member = min(front, key=lambda arch: self._explored.get(arch, 0))  # ties: told first
        self._explored[member] = self._explored.get(member, 0) + 1

        def beside() -> Draw:
            return Draw(neighbour(self.space, member, self._rng), STEPPED, (member,))

        return (beside, self._sample)
