"""What every strategy does the same way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..budgets.descent import descend
from ..budgets.feasibility import require_feasible
from ..errors import SpaceExhaustedError, StrategyError
from ..fronts.dominance import FloatArray
from ..objectives.constraints import ConstraintSet
from ..objectives.objective import Bound, Objective, check_objectives
from ..spaces.listing import all_architectures
from .checks import check_count, check_options, check_values
from .contract import StrategyOptions
from .draw import LISTED, MUTATED, REPAIRED, SAMPLED, Draw, Source

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

ENUMERATION_LIMIT = 10_000  # codes; smaller spaces are listed when sampling finds nothing new
FIRST_CHOICE_SHARE = 0.05  # of the attempts; a converged population has few new children to give
REPAIRS = 20  # samples moved into the feasible region before a proposal is given up


class StrategyBase(ABC):
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
        self.space = space
        self.objectives = check_objectives(objectives)
        self.constraints = ConstraintSet(constraints, self.objectives)
        self.seed = check_count("seed", seed, 0)
        self.options = check_options(self.name, options, self.options_type)
        proposals, feasibility = np.random.SeedSequence(self.seed).spawn(2)
        self._rng = np.random.default_rng(proposals)
        self._witness = require_feasible(
            space, self.constraints, np.random.default_rng(feasibility)
        )
        self._seen: set[Architecture] = set()  # membership only; its order is never used
        self._pending: dict[Architecture, None] = {}
        self._told: dict[Architecture, FloatArray] = {}
        self._succeeded: list[tuple[Architecture, FloatArray]] = []  # rows without NaN, as told
        self._origins: dict[Architecture, Draw] = {}
        self._asked = 0
        self._proven_empty = False  # by counting or listing the space, not by failing to sample

    @property
    def asked(self) -> int:
        """Return how many architectures were proposed."""
        return self._asked

    @property
    def pending(self) -> tuple[Architecture, ...]:
        """Return what was asked and not yet told, in the order of asking."""
        return tuple(self._pending)

    @property
    def told(self) -> tuple[tuple[Architecture, FloatArray], ...]:
        """Return what was told, in that order, with ``(n_objectives,)`` values."""
        return tuple(self._told.items())

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

    def draw_of(self, architecture: Architecture) -> Draw:
        """Return how a proposal came about.

        Raises:
            StrategyError: It was not asked for.
        """
        if architecture not in self._origins:
            raise StrategyError(f"{architecture} was not asked for; nothing tells how it came")
        return self._origins[architecture]

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

    def tell(self, architectures: Sequence[Architecture], values: npt.ArrayLike) -> None:
        """Report the values of architectures, asked for or evaluated elsewhere.

        Args:
            architectures: ``n`` architectures.
            values: ``(n, n_objectives)`` in the order of the objectives; a row with NaN is a
                failed evaluation.

        Raises:
            StrategyError: The shape is wrong, a value is infinite, or an architecture is not in
                the space, is given twice or was told before. Nothing is learned then.
        """
        table = check_values(values, len(architectures), self.objectives)
        canonical = [self._check_told(architecture) for architecture in architectures]
        if len(set(canonical)) != len(canonical):
            raise StrategyError("an architecture is told twice in one call; tell each once")
        for architecture, row in zip(canonical, table, strict=True):
            self._pending.pop(architecture, None)
            self._seen.add(architecture)
            self._told[architecture] = row
            if not np.isnan(row).any():
                self._succeeded.append((architecture, row))

    @abstractmethod
    def _sources(self) -> Sequence[Source]:
        """Return where the next proposal may come from, first choice first.

        Called once per proposal; each source draws one unvetted candidate.
        """

    def _propose(self, drawn: Draw) -> None:
        self._asked += 1
        self._origins[drawn.architecture] = drawn
        self._seen.add(drawn.architecture)
        self._pending[drawn.architecture] = None

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
        listed = all_architectures(self.space, ENUMERATION_LIMIT)
        if listed is None:
            return None
        canonical = dict.fromkeys(map(self.space.canonical, listed))
        left = (a for a in canonical if a not in self._seen and self.constraints.satisfied(a))
        return [arch for arch in left if self._admits(Draw(arch, LISTED))]

    def _last_resort(self) -> Draw | None:
        """Move samples into the feasible region: tight budgets leave almost nothing to chance."""
        if not len(self.constraints):
            return None
        repaired = self._first_admitted(self._repaired_sample, REPAIRS)
        if repaired is not None or self._witness is None or self._witness in self._seen:
            return repaired
        return Draw(self._witness, REPAIRED)

    def _repaired_sample(self) -> Draw:
        start, excess = self.space.sample(self._rng), self.constraints.excess
        return Draw(descend(self.space, start, excess, self._rng, stop_at=0.0)[0], REPAIRED)

    def _check_told(self, architecture: Architecture) -> Architecture:
        if not self.space.is_valid(architecture):
            raise StrategyError(f"told {architecture}, which is not in {self.space.name}")
        canonical = self.space.canonical(architecture)
        if canonical in self._told:
            raise StrategyError(f"{self.space.encode(canonical)} was told before; tell each once")
        return canonical

    def _exhausted(self) -> SpaceExhaustedError:
        bounds = self.constraints.show_all()
        which = f" that keeps {bounds}" if bounds else ""
        proposed, attempts = len(self._seen), self.options.max_attempts
        what = (
            f"no architecture of {self.space.name}{which} is left after {proposed}"
            if self._proven_empty
            else f"no further architecture of {self.space.name}{which} was found in {attempts} "
            f"attempts, after {proposed}"
        )
        return SpaceExhaustedError(what, proposed=proposed, proven=self._proven_empty)
