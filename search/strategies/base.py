"""What every strategy does the same way: ask its sources for what is new and worth a try.

memory.py     what was proposed, what is pending, what was told
leftovers.py  what can be proposed yet where the sources give nothing new
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..budgets.feasibility import require_feasible
from ..errors import SpaceExhaustedError
from ..objectives.objective import Bound, Objective
from .checks import check_count, check_options
from .contract import StrategyOptions
from .draw import LISTED, MUTATED, REPAIRED, SAMPLED, Draw, Source
from .leftovers import exhausted, left_over, repaired_sample
from .memory import StrategyMemory

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

FIRST_CHOICE_SHARE = 0.05  # of the attempts; a converged population has few new children to give
REPAIRS = 20  # samples moved into the feasible region before a proposal is given up


class StrategyBase(StrategyMemory, ABC):
    """Own the randomness, refuse duplicates, keep the constraints, remember the results.

    A strategy says only where candidates come from (:meth:`_sources`). Every candidate is brought
    to canonical form and refused if it is not valid, was asked or told before, or violates a
    constraint. Where its sources give nothing in ``max_attempts`` candidates, small spaces are
    enumerated, and samples of larger ones are moved into the feasible region.

    Args:
        space: Any object with the members of ``searchspaces.SearchSpace``.
        objectives: What the columns of the told values mean.
        constraints: Bounds on known objectives.
        seed: Seed of everything random in the strategy.
        options: An instance of ``options_type``; ``None`` takes the defaults.

    Raises:
        ObjectiveError: Objectives or constraints contradict themselves.
        InfeasibleBudgetError: No architecture was found that keeps the constraints.
        StrategyError: The seed is not an integer of at least 0, or options are another
            strategy's.
    """

    name: ClassVar[str]
    options_type: ClassVar[type[StrategyOptions]] = StrategyOptions
    needs_every_result: ClassVar[bool] = False  # halving leaves most of them out

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Bound] = (),
        seed: int = 0,
        options: StrategyOptions | None = None,
    ) -> None:
        super().__init__(space, objectives, constraints)
        self.seed = check_count("seed", seed, 0)
        self.options = check_options(self.name, options, self.options_type)
        proposals, feasibility = np.random.SeedSequence(self.seed).spawn(2)
        self._rng = np.random.default_rng(proposals)
        self._witness = require_feasible(
            space, self.constraints, np.random.default_rng(feasibility)
        )
        self._proven_empty = False  # by counting or listing the space, not by failing to sample

    @property
    def notes(self) -> Mapping[str, int]:
        """Return what a run notes of the strategy for its reader, beside the options."""
        return {}

    @property
    def summary(self) -> Mapping[str, Any]:
        """Return what the strategy has to say of the search so far, as plain JSON values."""
        return {}

    def ask(self, n: int = 1) -> list[Architecture]:
        """Propose ``n`` new architectures in canonical form.

        Args:
            n: How many; at least 1.

        Returns:
            ``n`` architectures; fewer only where no more can be found.

        Raises:
            StrategyError: ``n`` is below 1.
            SpaceExhaustedError: Not even one can be found.
        """
        proposals: list[Architecture] = []
        for _ in range(check_count("n", n, 1)):
            drawn = self._next()
            if drawn is None:
                break
            self._propose(drawn)
            proposals.append(drawn.architecture)
        if not proposals:
            raise self._exhausted()
        return proposals

    def replay(self, requested: int, recorded: Sequence[Architecture]) -> list[Architecture]:
        """Ask once more what was asked before, to go on from there.

        Args:
            requested: How many were asked for.
            recorded: What was proposed then.

        Returns:
            What is proposed now: the same, if nothing has changed.

        Raises:
            StrategyError: ``requested`` is below 1.
            SpaceExhaustedError: Not even one can be found.
        """
        return self.ask(requested)

    @abstractmethod
    def _sources(self) -> Sequence[Source]:
        """Return where the next proposal may come from, first choice first.

        Called once per proposal; each source draws one unvetted candidate.
        """

    def _sample(self) -> Draw:
        return Draw(self.space.sample(self._rng), SAMPLED)

    def _mutant(self, parent: Architecture) -> Draw:
        return Draw(self.space.mutate(parent, self._rng), MUTATED, (parent,))

    def _next(self) -> Draw | None:
        sources = self._sources()
        if len(self._seen) >= self.space.size:
            self._proven_empty = True
            return None
        for source in sources:
            patience = self.options.max_attempts
            if source != sources[-1]:
                patience = max(1, round(FIRST_CHOICE_SHARE * patience))
            drawn = self._first_admitted(source, patience)
            if drawn is not None:
                return drawn
        left = self._left_over()
        if left is None:
            return self._last_resort()
        self._proven_empty = not left
        return Draw(left[int(self._rng.integers(len(left)))], LISTED) if left else None

    def _first_admitted(self, source: Source, attempts: int) -> Draw | None:
        for _ in range(attempts):
            drawn = source()
            if not self.space.is_valid(drawn.architecture):
                continue
            drawn = replace(drawn, architecture=self.space.canonical(drawn.architecture))
            candidate = drawn.architecture
            if candidate in self._seen or not self.constraints.satisfied(candidate):
                continue
            if self._admits(drawn):
                return drawn
        return None

    def _admits(self, drawn: Draw) -> bool:
        """Return whether a new architecture that keeps the constraints is worth an evaluation."""
        return True

    def _left_over(self) -> list[Architecture] | None:
        """Return everything that may still be proposed, or ``None`` if it cannot be listed."""
        left = left_over(self.space, self.constraints, self._seen)
        return left and [arch for arch in left if self._admits(Draw(arch, LISTED))]

    def _last_resort(self) -> Draw | None:
        """Move samples into the feasible region, or else take what showed that there is one."""
        if not len(self.constraints):
            return None
        repaired = self._first_admitted(self._repaired_sample, REPAIRS)
        if repaired is not None or self._witness is None or self._witness in self._seen:
            return repaired
        return Draw(self._witness, REPAIRED)

    def _repaired_sample(self) -> Draw:
        return repaired_sample(self.space, self.constraints, self._rng)

    def _exhausted(self) -> SpaceExhaustedError:
        return exhausted(
            self.space,
            self.constraints,
            proposed=len(self._seen),
            attempts=self.options.max_attempts,
            proven=self._proven_empty,
        )
