"""The greedy dilation search through ask and tell."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from search import (
    UNDECIDED,
    Constraint,
    CrNasGreedyStrategy,
    Objective,
    ObjectiveError,
    ResultsPendingError,
    SpaceExhaustedError,
    StrategyError,
    StrategyOptions,
    is_partial,
    make_strategy,
)
from search.conformance import COST, GOALS, QUALITY
from search.spaces.digits import DigitSpace
from search.strategies import StrategyBase
from searchspaces import Architecture, make_space

Score = Callable[[Architecture], float]


def decided(arch: Architecture) -> float:
    """Score what is decided: each digit by its place; what is open counts as a middle digit."""
    digits = (1 if gene == UNDECIDED else int(gene) for gene in arch.genes)
    return float(sum(place * digit for place, digit in enumerate(digits, start=1)))


def walk(strategy: StrategyBase, score: Score = decided, batch: int = 4) -> list[Architecture]:
    """Ask and tell to the end, and return all proposals."""
    proposals: list[Architecture] = []
    while True:
        try:
            asked = strategy.ask(batch)
        except ResultsPendingError:
            raise  # everything was told
        except SpaceExhaustedError:
            return proposals
        known = [goal for goal in strategy.objectives if goal.is_known]
        rows = [[*(goal.value(arch) for goal in known), score(arch)] for arch in asked]
        strategy.tell(asked, rows)
        proposals += asked


def test_resnet50_takes_138_evaluations_nine_of_them_whole() -> None:
    space = make_space("crnas-resnet50-operations")
    proposals = walk(make_strategy("crnas-greedy", space, (QUALITY,)))
    assert len(proposals) == len(set(proposals)) == 138
    whole = [arch for arch in proposals if not is_partial(arch)]
    assert whole == proposals[-9:]
    assert all(map(space.is_valid, whole))
    assert max(whole, key=decided).genes == (2,) * 16


def test_every_layer_extends_the_best_of_the_one_before() -> None:
    proposals = walk(make_strategy("crnas-greedy", DigitSpace(3, 3), (QUALITY,), width=1))
    genes = [arch.genes for arch in proposals]
    assert genes[:3] == [(digit, UNDECIDED, UNDECIDED) for digit in range(3)]
    assert genes[3:6] == [(2, digit, UNDECIDED) for digit in range(3)]
    assert genes[6:] == [(2, 2, digit) for digit in range(3)]


@pytest.mark.parametrize("batch", [1, 2, 9, 50])
def test_batches_change_nothing(batch: int) -> None:
    space = DigitSpace(5, 3)
    one = walk(make_strategy("crnas-greedy", space, (QUALITY,)), batch=batch)
    assert one == walk(make_strategy("crnas-greedy", space, (QUALITY,)))


def test_a_minimised_objective_is_minimised() -> None:
    loss = Objective("loss", "min")
    proposals = walk(make_strategy("crnas-greedy", DigitSpace(4, 3), (loss,), width=1))
    assert min(proposals[-3:], key=decided).genes == (0, 0, 0, 0)


def test_nothing_is_proposed_before_a_layer_is_told() -> None:
    strategy = make_strategy("crnas-greedy", DigitSpace(3, 3), (QUALITY,))
    layer = strategy.ask(10)
    assert len(layer) == 3
    with pytest.raises(ResultsPendingError, match="once the 3 pending results are told"):
        strategy.ask(1)
    strategy.tell(layer[:2], [[1.0], [2.0]])
    with pytest.raises(ResultsPendingError, match="the 1 pending"):
        strategy.ask(1)
    strategy.tell(layer[2:], [[3.0]])
    assert len(strategy.ask(10)) == 9


def test_codes_that_cannot_keep_the_constraint_are_left_out() -> None:
    bound = Constraint("cost", 2.0)
    proposals = walk(make_strategy("crnas-greedy", DigitSpace(4, 3), GOALS, (bound,)))
    sums = [sum(int(gene) for gene in a.genes if gene != UNDECIDED) for a in proposals]
    assert max(sums) <= 2
    whole = [arch for arch in proposals if not is_partial(arch)]
    assert max(whole, key=decided).genes == (0, 2, 0, 0)  # greedy: nothing is left for the last


def test_known_objectives_take_partial_codes() -> None:
    strategy = make_strategy("crnas-greedy", DigitSpace(3, 3), GOALS)
    values = [strategy.objectives[0].value(arch) for arch in strategy.ask(9)]
    assert values == [0.0, 1.0, 2.0]  # the undecided ones at their cheapest


def test_failed_codes_are_not_extended() -> None:
    def fails(arch: Architecture) -> float:
        return math.nan if arch.genes[0] == 2 else decided(arch)

    proposals = walk(make_strategy("crnas-greedy", DigitSpace(3, 3), (QUALITY,), width=1), fails)
    assert {arch.genes[0] for arch in proposals[3:]} == {1}


def test_the_end_comes_where_everything_fails() -> None:
    strategy = make_strategy("crnas-greedy", DigitSpace(3, 3), (QUALITY,))
    assert len(walk(strategy, lambda _: math.nan)) == 3
    with pytest.raises(SpaceExhaustedError, match="crnas-greedy is at its end after 3"):
        strategy.ask(1)


def test_codes_evaluated_elsewhere_are_not_asked_for_again() -> None:
    space = DigitSpace(2, 3)
    strategy = make_strategy("crnas-greedy", space, (QUALITY,), width=3)
    known = space.decode("22")
    strategy.tell([known], [[decided(known)]])
    proposals = walk(strategy)
    assert known not in proposals
    assert len(proposals) == 3 + 8


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (make_space("crnas-resnet50"), "crnas-resnet50-operations with --option stages=CODE"),
        (make_space("smnas-modular"), "does not tell the choices of its genes"),
    ],
)
def test_other_spaces_are_refused(space: Any, message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        make_strategy("crnas-greedy", space, (QUALITY,))


@pytest.mark.parametrize("width", [0, 1.5, True])
def test_impossible_widths_are_refused(width: Any) -> None:
    with pytest.raises(StrategyError, match="width must be an integer of at least 1"):
        make_strategy("crnas-greedy", DigitSpace(), (QUALITY,), width=width)


def test_nothing_to_rank_by_is_refused() -> None:
    with pytest.raises(ObjectiveError, match="all of cost are known"):
        make_strategy("crnas-greedy", DigitSpace(), (COST,))


def test_foreign_options_are_refused() -> None:
    with pytest.raises(StrategyError, match="takes CrNasGreedyOptions"):
        CrNasGreedyStrategy(DigitSpace(), (QUALITY,), options=StrategyOptions())


def test_a_wider_beam_finds_what_a_narrow_one_misses() -> None:
    """The best code begins with a digit that looks worst while the rest is open."""

    def deceptive(arch: Architecture) -> float:
        if is_partial(arch):
            return -float(int(arch.genes[0]))
        return 10.0 if arch.genes == (2, 2) else 0.0

    def best(width: int) -> float:
        strategy = make_strategy("crnas-greedy", DigitSpace(2, 3), (QUALITY,), width=width)
        return max(map(deceptive, walk(strategy, deceptive)))

    results: Sequence[float] = [best(width) for width in (1, 2, 3)]
    assert results == [0.0, 0.0, 10.0]
