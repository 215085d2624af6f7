"""Strategies from elsewhere: for a run, what the contract asks for is enough.

A run needs more of a strategy than ``ask`` and ``tell``: which bounds it keeps, how a proposal
came about, the same proposals once more. A :class:`StrategyBase` has that; here it is given to
everything else, and what breaks the contract is refused before it is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy.typing as npt

from ..errors import StrategyError
from ..objectives.objective import Bound, Objective
from .base import StrategyBase
from .checks import check_count, make_options
from .contract import Strategy
from .draw import PROPOSED, Draw
from .memory import StrategyMemory

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

MEMBERS = ("name", "ask", "tell")

StrategyFactory: TypeAlias = Callable[..., Strategy]
"""Makes a strategy of a space, objectives, constraints and a seed: its class, or a function.

Where it has ``options_type``, a dataclass, an instance of that is the fifth argument.
"""


@dataclass(frozen=True, slots=True)
class NoOptions:
    """Options of a strategy that has none."""


class GuestStrategy(StrategyMemory):
    """Check what a strategy proposes, remember it, and pass on what is told.

    Args:
        strategy: Keeps the contract of :class:`Strategy`, optional members or not.
        space: What it searches.
        objectives: What the columns of the told values mean.
        constraints: Bounds on known objectives, which its proposals keep.
        seed: That it was made with.
        options: That it was made with; a dataclass.

    Raises:
        ObjectiveError: Objectives or constraints contradict themselves.
        StrategyError: A member of the contract is missing.
    """

    def __init__(
        self,
        strategy: Strategy,
        space: SearchSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Bound] = (),
        seed: int = 0,
        options: Any = None,
    ) -> None:
        super().__init__(space, objectives, constraints)
        missing = [name for name in MEMBERS if not hasattr(strategy, name)]
        if missing:
            raise StrategyError(
                f"{strategy!r} is no strategy: it has no {missing[0]!r}; a strategy has "
                f"{', '.join(MEMBERS)}"
            )
        self._strategy, self.seed = strategy, seed
        self.options = NoOptions() if options is None else options

    @property
    def name(self) -> str:
        """Return the strategy's name."""
        return self._strategy.name

    @property
    def needs_every_result(self) -> bool:
        """Return whether it cannot do without results that halving leaves out."""
        return bool(getattr(self._strategy, "needs_every_result", False))

    @property
    def notes(self) -> Mapping[str, int]:
        """Return nothing: the contract knows no notes."""
        return {}

    @property
    def summary(self) -> Mapping[str, Any]:
        """Return nothing: the contract knows no summary."""
        return {}

    def ask(self, n: int = 1) -> list[Architecture]:
        """Have ``n`` architectures proposed; fewer only where no more can be found.

        Raises:
            StrategyError: ``n`` is below 1, or a proposal breaks the contract.
            SpaceExhaustedError: Not even one can be found.
        """
        proposals = list(self._strategy.ask(check_count("n", n, 1)))
        if not 1 <= len(proposals) <= n:
            raise StrategyError(
                f"{self.name} was asked for {n} and proposes {len(proposals)}; propose 1 to {n}, "
                "and raise SpaceExhaustedError where nothing is left"
            )
        for architecture in proposals:
            problem = self._problem(architecture)
            if problem is not None:
                raise StrategyError(f"{self.name} proposes {self._shown(architecture)}, {problem}")
            self._propose(Draw(architecture, PROPOSED))
        return proposals

    def replay(self, requested: int, recorded: Sequence[Architecture]) -> list[Architecture]:
        """Ask once more what was asked before; equal histories give equal proposals.

        Raises:
            StrategyError: As for :meth:`ask`.
            SpaceExhaustedError: Not even one can be found.
        """
        return self.ask(requested)

    def tell(self, architectures: Sequence[Architecture], values: npt.ArrayLike) -> None:
        """Report the values of architectures, ``(n, n_objectives)``; NaN marks a failure.

        Raises:
            StrategyError: What is told cannot be; nothing is learned then.
        """
        super().tell(architectures, values)
        self._strategy.tell(architectures, values)

    def tell_part(self, architecture: Architecture, share: float, values: Sequence[float]) -> None:
        """Report what a part of an evaluation told, to a strategy that listens to parts."""
        listen = getattr(self._strategy, "tell_part", None)
        if listen is not None:
            listen(architecture, share, values)

    def _problem(self, architecture: Architecture) -> str | None:
        """Return what is wrong with a proposal."""
        if not self.space.is_valid(architecture):
            return f"which is not in {self.space.name}"
        canonical = self.space.canonical(architecture)
        if canonical != architecture:
            return f"whose canonical form is {self.space.encode(canonical)}; propose that"
        if architecture in self._seen:
            return "which was proposed before; propose what is new"
        if not self.constraints.satisfied(architecture):
            return "which violates a constraint that is known; propose what keeps all"
        return None

    def _shown(self, architecture: Architecture) -> str:
        valid = self.space.is_valid(architecture)
        return self.space.encode(architecture) if valid else repr(architecture)


Proposer: TypeAlias = StrategyBase | GuestStrategy
"""What a run takes its proposals from."""


def admitted(
    make: StrategyFactory,
    space: SearchSpace,
    objectives: Sequence[Objective],
    constraints: Sequence[Bound] = (),
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> Proposer:
    """Make a strategy of a class or function, and give it what a run needs.

    Args:
        make: The class or function.
        space: What it searches.
        objectives: What the columns of the told values mean.
        constraints: Bounds on known objectives.
        seed: Of everything random in it.
        options: Fields of its ``options_type``.

    Raises:
        StrategyError: What is made is no strategy; or an option is unknown or out of range.
        ObjectiveError: Objectives or constraints contradict themselves.
        InfeasibleBudgetError: No architecture was found that keeps the constraints.
    """
    seed = check_count("seed", seed, 0)
    kind = getattr(make, "options_type", None)
    chosen = make_options(_name(make), NoOptions if kind is None else kind, options or {})
    more = () if kind is None else (chosen,)
    made = make(space, objectives, constraints, seed, *more)
    if isinstance(made, StrategyBase):
        return made
    return GuestStrategy(made, space, objectives, constraints, seed, chosen)


def _name(make: StrategyFactory) -> str:
    name = getattr(make, "name", None)  # of an instance it may be a property of the class
    return name if isinstance(name, str) else str(getattr(make, "__name__", make))
