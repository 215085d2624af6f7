"""The exhaustive search: everything eligible, once, and nothing else."""

from collections.abc import Sequence

import pytest

from search import (
    Constraint,
    InfeasibleBudgetError,
    Objective,
    Strategy,
    StrategyError,
    make_strategy,
)
from search.conformance import COST, GOALS, QUALITY, StrategyConformance, cost, play
from search.spaces.digits import DigitSpace
from search.strategies.crnas_stage import undilated
from searchspaces import Architecture, CrNasSpace, make_space


class TestStage(StrategyConformance):
    def make(
        self,
        space: DigitSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint] = (),
        seed: int = 0,
    ) -> Strategy:
        return make_strategy("crnas-stage", space, objectives, constraints, seed)


def test_all_153_stage_codes_of_resnet50_are_proposed() -> None:
    space = make_space("crnas-resnet50-stages")
    strategy = make_strategy("crnas-stage", space, (QUALITY,))
    assert strategy.notes == {"eligible": 153}
    proposed = strategy.ask(200)
    assert len(proposed) == 153
    assert set(proposed) == set(space.enumerate())  # type: ignore[attr-defined]


def test_only_what_keeps_the_constraints_is_eligible() -> None:
    space = DigitSpace(4, 3)
    strategy = make_strategy("crnas-stage", space, GOALS, (Constraint("cost", 2.0),))
    expected = {arch for arch in space.enumerate() if cost(arch) <= 2.0}
    assert strategy.notes == {"eligible": len(expected)}
    assert set(play(strategy, [99])) == expected


def test_what_was_told_before_is_not_proposed() -> None:
    space = DigitSpace(3, 2)
    strategy = make_strategy("crnas-stage", space, GOALS)
    known = space.decode("101")
    strategy.tell([known], [[2.0, 4.0]])
    assert set(strategy.ask(99)) == set(space.enumerate()) - {known}


def test_the_order_is_no_order_of_the_codes() -> None:
    space = DigitSpace(6, 2)
    proposed = make_strategy("crnas-stage", space, GOALS, seed=1).ask(64)
    assert proposed != sorted(proposed, key=lambda arch: arch.genes)


def test_both_levels_give_their_undilated_codes() -> None:
    space = make_space("crnas-resnet18")
    assert isinstance(space, CrNasSpace)
    codes = make_strategy("crnas-stage", space, (QUALITY,)).ask(999)
    assert set(codes) == set(undilated(space))
    assert {space.encode(code).partition("/")[2] for code in codes} == {"0" * 8}
    assert len(codes) == make_space("crnas-resnet18-stages").size


def test_a_space_that_is_too_large_is_refused() -> None:
    with pytest.raises(StrategyError, match=r"at most 100,000 codes.*detnas-nano has 1,048,576"):
        make_strategy("crnas-stage", make_space("detnas-nano"), (QUALITY,))


def test_a_budget_that_only_dilated_networks_keep_names_the_nearest_undilated_one() -> None:
    space = make_space("crnas-resnet18")

    def zeros(arch: Architecture) -> float:
        return float(arch.genes[4:].count(0))

    goals = (Objective("zeros", "min", known=zeros), QUALITY)
    with pytest.raises(InfeasibleBudgetError, match="the least found is") as caught:
        make_strategy("crnas-stage", space, goals, (Constraint("zeros", 7.0),))
    assert (caught.value.fastest, caught.value.exact) == (8.0, False)


def test_known_objectives_alone_are_compared_too() -> None:
    assert len(make_strategy("crnas-stage", DigitSpace(3, 2), (COST,)).ask(9)) == 8
