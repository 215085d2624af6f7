"""The search of SM-NAS (Yao et al., AAAI 2020): mutate the front, prune by a partial order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SpaceExhaustedError, StrategyError
from ..fronts.dominance import FloatArray, minimised
from ..fronts.survival import constrained_ranks
from ..objectives.objective import Bound, Objective
from .base import StrategyBase
from .checks import check_count, check_flag, check_options, check_share
from .contract import StrategyOptions
from .draw import Draw, Source
from .partial_order import PartialOrder, Pruned, cannot_prune, order_of

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

AUDIT = 0.05  # of the proposals: one in twenty says how often pruning is wrong


@dataclass(frozen=True, slots=True)
class SmNasOptions(StrategyOptions):
    """Options of :class:`SmNasStrategy`.

    Attributes:
        population: Networks that are sampled first. The paper does not say how many.
        random_share: Share of the later proposals that are sampled, too, in [0, 1]; that of the
            code released by the authors' group (vega, ``random_ratio``).
        pruning: Whether what the partial order rules out is left out.
        tolerance: By how much an evaluated objective may differ by chance, in its own unit.
            Something is left out only if it would be beaten by this much.
        audit: Share of the proposals, in [0, 1], that are drawn from what was left out, to see how
            often that was wrong.

    Raises:
        StrategyError: A value is out of range.
    """

    population: int = 20
    random_share: float = 0.2
    pruning: bool = True
    tolerance: float = 0.0
    audit: float = AUDIT

    def __post_init__(self) -> None:
        # not super(): the class that slots=True makes is another than the one written here
        StrategyOptions.__post_init__(self)
        check_count("population", self.population, 1)
        check_share("random_share", self.random_share)
        check_share("audit", self.audit)
        check_flag("pruning", self.pruning)
        tolerance: object = self.tolerance
        number = isinstance(tolerance, int | float) and not isinstance(tolerance, bool)
        if not number or not math.isfinite(self.tolerance) or self.tolerance < 0:
            raise StrategyError(
                f"tolerance must be a finite number of at least 0, got {self.tolerance!r}"
            )
        if not self.pruning and (self.tolerance, self.audit) != (0.0, AUDIT):
            raise StrategyError(
                "tolerance and audit are of what pruning leaves out, and pruning is off; leave "
                f"them out, got {self.tolerance!r} and {self.audit!r}"
            )


@dataclass(slots=True)
class _Audit:
    """Count what became of those that were evaluated although the partial order rules them out."""

    results: int = 0
    assumption_failed: int = 0
    on_front: int = 0


class SmNasStrategy(StrategyBase):
    """Mutate members of the Pareto front, and leave out what the partial order rules out.

    After the first sample, every proposal mutates a member of the front of all told so far, drawn
    uniformly, or is sampled. See :mod:`search.strategies.partial_order` for what is left out. It
    needs a space that says what is deeper or wider, a known cost, and objectives to maximise that
    are evaluated; :attr:`summary` says so where one is missing. A space of which only such
    architectures are left is exhausted.
    """

    name = "smnas-ea"
    options_type = SmNasOptions

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Bound] = (),
        seed: int = 0,
        options: StrategyOptions | None = None,
    ) -> None:
        super().__init__(space, objectives, constraints, seed, options)
        self._setup = check_options(self.name, self.options, SmNasOptions)
        self._pruning, self._off = self._partial_order()
        self._front: list[tuple[Architecture, FloatArray]] = []
        self._learned = 0  # results that front and partial order know
        self._proposed = 0
        self._pruned: dict[Architecture, Pruned] = {}
        self._draws: list[Draw] = []  # what was pruned, to draw audits from
        self._chosen: set[Architecture] = set()  # for an audit; membership only
        self._audit = _Audit()

    @property
    def front(self) -> tuple[Architecture, ...]:
        """Return what is mutated: the Pareto front of all that was told, in that order."""
        self._learn()
        return tuple(architecture for architecture, _ in self._front)

    @property
    def summary(self) -> dict[str, Any]:
        """Return what was left out, and how often the assumption behind it failed.

        ``pruned`` counts different candidates that were drawn and left out, ``audited`` those of
        them that were evaluated later; ``assumption_failed`` of these were more accurate than the
        larger network they were judged by, and ``on_front`` entered the front. ``pairs`` are
        evaluated networks of which one is nowhere deeper or wider than the other, ``pairs_failed``
        those with the smaller one more accurate.
        """
        self._learn()
        if self._pruning is None:
            return {"pruning": False, "why_not": self._off}
        return {
            "pruning": True,
            "tolerance": self._setup.tolerance,
            "pruned": len(self._pruned),
            "audited": self._audit.results,
            "assumption_failed": self._audit.assumption_failed,
            "on_front": self._audit.on_front,
            "pairs": self._pruning.pairs,
            "pairs_failed": self._pruning.violated,
        }

    def _partial_order(self) -> tuple[PartialOrder | None, str | None]:
        if not self._setup.pruning:
            return None, "it was switched off"
        reason, precedes = cannot_prune(self.space, self.objectives), order_of(self.space)
        if reason is not None or precedes is None:
            return None, reason
        return PartialOrder(precedes, self.objectives, self._setup.tolerance), None

    def _sources(self) -> Sequence[Source]:
        self._learn()
        self._proposed += 1
        if self._proposed <= self._setup.population or not self._front:
            return (self._sample,)
        if self._draws and self._rng.random() < self._setup.audit:
            return (self._left_out, self._mutated, self._sample)
        if self._rng.random() < self._setup.random_share:
            return (self._sample, self._mutated)
        return (self._mutated, self._sample)

    def _admits(self, drawn: Draw) -> bool:
        architecture = drawn.architecture
        if self._pruning is None or architecture in self._chosen:
            return True
        if architecture in self._pruned:  # results only ever rule out more
            return False
        verdict = self._pruning.verdict(architecture)
        if verdict is None:
            return True
        self._pruned[architecture] = verdict
        self._draws.append(drawn)
        return False

    def _exhausted(self) -> SpaceExhaustedError:
        error = super()._exhausted()
        if not self._pruned:
            return error
        left_out = len(self._pruned) - self._audit.results
        text = f"{error}; {left_out} were left out by the partial order (pruning=False tries them)"
        return SpaceExhaustedError(text, proposed=error.proposed, proven=error.proven)

    def _mutated(self) -> Draw:
        member, _ = self._front[int(self._rng.integers(len(self._front)))]
        return self._mutant(member)

    def _left_out(self) -> Draw:
        drawn = self._draws[int(self._rng.integers(len(self._draws)))]
        self._chosen.add(drawn.architecture)
        return drawn

    def _learn(self) -> None:
        """Bring front and partial order up to what was told."""
        new = self._succeeded[self._learned :]
        if not new:
            return
        self._learned = len(self._succeeded)
        told = [*self._front, *new]
        costs = minimised(np.array([row for _, row in told]), self.objectives)
        excess = np.array([self.constraints.excess(architecture) for architecture, _ in told])
        best = np.flatnonzero(constrained_ranks(costs, excess) == 0)
        self._front = [told[place] for place in best.tolist()]
        for architecture, row in new:
            self._learn_order(architecture, row)

    def _learn_order(self, architecture: Architecture, row: FloatArray) -> None:
        if self._pruning is None:
            return
        feasible = self.constraints.satisfied(architecture)
        self._pruning.tell(architecture, row, feasible=feasible)
        verdict = self._pruned.get(architecture)
        if verdict is None:
            return
        self._audit.results += 1
        larger = self._told[verdict.below]
        self._audit.assumption_failed += self._pruning.is_better(row, larger)
        self._audit.on_front += self._pruning.on_front(architecture)
