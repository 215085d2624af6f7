"""Search strategies by name; each proposes by ``ask`` and learns by ``tell``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import StrategyError, UnknownStrategyError
from ..objectives.objective import Bound, Objective
from .base import StrategyBase
from .checks import make_options
from .contract import Strategy, StrategyOptions
from .crnas import CrNasOptions, CrNasStrategy
from .crnas_greedy import CrNasGreedyOptions, CrNasGreedyStrategy
from .crnas_stage import CrNasStageStrategy
from .detnas_ea import DetNasOptions, DetNasStrategy
from .ehvi import EhviOptions, EhviStrategy
from .guest import GuestStrategy, Proposer, StrategyFactory, admitted
from .local import LocalOptions, LocalStrategy
from .nsga2 import Nsga2Options, Nsga2Strategy
from .partial_order import PartialOrder, Pruned, by_genes, cannot_prune, order_of
from .random import RandomStrategy
from .smnas_ea import SmNasOptions, SmNasStrategy

if TYPE_CHECKING:
    from searchspaces import SearchSpace

__all__ = [
    "STRATEGIES",
    "CrNasGreedyOptions",
    "CrNasGreedyStrategy",
    "CrNasOptions",
    "CrNasStageStrategy",
    "CrNasStrategy",
    "DetNasOptions",
    "DetNasStrategy",
    "EhviOptions",
    "EhviStrategy",
    "GuestStrategy",
    "LocalOptions",
    "LocalStrategy",
    "Nsga2Options",
    "Nsga2Strategy",
    "PartialOrder",
    "Proposer",
    "Pruned",
    "RandomStrategy",
    "SmNasOptions",
    "SmNasStrategy",
    "Strategy",
    "StrategyBase",
    "StrategyFactory",
    "StrategyOptions",
    "by_genes",
    "cannot_prune",
    "make_proposer",
    "make_strategy",
    "order_of",
]

STRATEGIES: dict[str, type[StrategyBase]] = {
    CrNasGreedyStrategy.name: CrNasGreedyStrategy,
    CrNasStageStrategy.name: CrNasStageStrategy,
    CrNasStrategy.name: CrNasStrategy,
    DetNasStrategy.name: DetNasStrategy,
    EhviStrategy.name: EhviStrategy,
    LocalStrategy.name: LocalStrategy,
    Nsga2Strategy.name: Nsga2Strategy,
    RandomStrategy.name: RandomStrategy,
    SmNasStrategy.name: SmNasStrategy,
}
"""Name -> class; ``options_type`` of the class names its options.

A strategy from elsewhere needs no name here: a run takes its class, too (:func:`make_proposer`).
"""


def make_strategy(
    name: str,
    space: SearchSpace,
    objectives: Sequence[Objective],
    constraints: Sequence[Bound] = (),
    seed: int = 0,
    **options: Any,
) -> StrategyBase:
    """Make a registered strategy.

    Args:
        name: A key of :data:`STRATEGIES`.
        space: Any object with the members of ``searchspaces.SearchSpace``.
        objectives: What the columns of the told values mean.
        constraints: Bounds on known objectives; nothing that violates one is proposed.
        seed: Seed of everything random in the strategy.
        options: Fields of the strategy's options, e.g. ``population`` of ``detnas-ea``.

    Raises:
        UnknownStrategyError: The name is not registered.
        StrategyError: An option is unknown or out of range.
        ObjectiveError: Objectives or constraints contradict themselves.
        InfeasibleBudgetError: No architecture was found that keeps the constraints.
    """
    if name not in STRATEGIES:
        known = ", ".join(sorted(STRATEGIES))
        raise UnknownStrategyError(f"unknown strategy {name!r}; known strategies: {known}")
    strategy = STRATEGIES[name]
    if not (isinstance(strategy, type) and issubclass(strategy, StrategyBase)):
        raise StrategyError(
            f"{name!r} stands in STRATEGIES for {strategy!r}, which is no StrategyBase; derive it "
            "from that, or give it to the run itself instead of a name"
        )
    chosen = make_options(name, strategy.options_type, options)
    return strategy(space, objectives, constraints, seed, chosen)


def make_proposer(
    strategy: str | StrategyFactory,
    space: SearchSpace,
    objectives: Sequence[Objective],
    constraints: Sequence[Bound] = (),
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> Proposer:
    """Make what a run takes its proposals from: a registered strategy, or one from elsewhere.

    Args:
        strategy: A key of :data:`STRATEGIES`; or what makes a strategy of the next four
            arguments, such as the class of any that keeps the contract of :class:`Strategy`.
        space: Any object with the members of ``searchspaces.SearchSpace``.
        objectives: What the columns of the told values mean.
        constraints: Bounds on known objectives; nothing that violates one is proposed.
        seed: Seed of everything random in the strategy.
        options: Of the strategy.

    Raises:
        UnknownStrategyError: The name is not registered.
        StrategyError: It is no strategy, or an option is unknown or out of range.
        ObjectiveError: Objectives or constraints contradict themselves.
        InfeasibleBudgetError: No architecture was found that keeps the constraints.
    """
    if isinstance(strategy, str):
        return make_strategy(strategy, space, objectives, constraints, seed, **(options or {}))
    return admitted(strategy, space, objectives, constraints, seed, options)
