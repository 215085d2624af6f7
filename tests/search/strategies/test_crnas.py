"""Stages, then dilations, for every budget from one set of evaluations."""

import math
from typing import Any

import pytest

from search import (
    UNDECIDED,
    AnyOf,
    Constraint,
    CrNasStrategy,
    InfeasibleBudgetError,
    Objective,
    ResultsPendingError,
    StrategyError,
    StrategyOptions,
    is_partial,
    make_strategy,
)
from search.conformance import QUALITY
from search.spaces.digits import DigitSpace
from searchspaces import Architecture, CrNasSpace, make_space
from tests.search.strategies.test_crnas_greedy import walk

SPACE = make_space("crnas-resnet18")
FAVOURITE = (1, 1, 3, 3)


def favour(arch: Architecture) -> float:
    """Like stage codes near a favourite, and dilation 2 in every block."""
    stages, digits = arch.genes[:4], arch.genes[4:]
    far = sum(abs(int(a) - b) for a, b in zip(stages, FAVOURITE, strict=True))
    return digits.count(1) + 0.1 * digits.count(UNDECIDED) - 100.0 * far


def late_ms(arch: Architecture) -> float:
    """A latency: blocks of late stages cost more, dilations add a little."""
    stages = map(int, arch.genes[:4])
    dilated = sum(map(int, arch.genes[4:]))
    return sum(weight * count for weight, count in zip((1, 2, 3, 4), stages, strict=True)) + (
        0.1 * dilated
    )


LATENCY = Objective("latency_ms", "min", "ms", known=late_ms)


def stage_codes(proposals: list[Architecture]) -> list[Architecture]:
    return [arch for arch in proposals if arch.genes[4:] == (0,) * 8]


def test_first_every_stage_code_then_the_dilations_of_the_best() -> None:
    strategy = make_strategy("crnas", SPACE, (QUALITY,))
    eligible = make_space("crnas-resnet18-stages").size
    assert strategy.notes == {"eligible": eligible}
    proposals = walk(strategy, favour)
    first, then = proposals[:eligible], proposals[eligible:]
    assert len(set(first)) == eligible
    assert not any(map(is_partial, first))
    assert {arch.genes[:4] for arch in then} == {FAVOURITE}
    assert len(then) == 3 + 9 * 7  # eight blocks
    assert max(proposals, key=favour).genes == (*FAVOURITE, *((1,) * 8))


def test_the_dilations_wait_for_the_last_stage_code() -> None:
    strategy = make_strategy("crnas", SPACE, (QUALITY,))
    codes = strategy.ask(999)
    strategy.tell(codes[:-1], [[favour(code)] for code in codes[:-1]])
    with pytest.raises(ResultsPendingError, match="the 1 pending"):
        strategy.ask(1)
    strategy.tell(codes[-1:], [[favour(codes[-1])]])
    assert all(map(is_partial, strategy.ask(3)))


def test_every_number_of_blocks_of_a_series_gets_its_own_search() -> None:
    space = make_space("crnas-resnet18", blocks=(8, 9))
    assert isinstance(space, CrNasSpace)
    proposals = walk(make_strategy("crnas", space, (QUALITY,)), favour)
    partial = [arch for arch in proposals if is_partial(arch)]
    assert {sum(map(int, arch.genes[:4])) for arch in partial} == {8, 9}
    assert len({arch.genes[:4] for arch in partial}) == 2


def test_every_budget_gets_its_own_search() -> None:
    bound = Constraint("latency_ms", 30.0)
    strategy = make_strategy(
        "crnas", SPACE, (LATENCY, QUALITY), (bound,), budgets=[30.0, 21.25, 30.0]
    )
    assert strategy.options.budgets == (21.25, 30.0)  # type: ignore[attr-defined]
    proposals = walk(strategy, favour)
    by_stages: dict[Any, list[Architecture]] = {}
    for arch in proposals:
        if is_partial(arch):
            by_stages.setdefault(arch.genes[:4], []).append(arch)
    assert FAVOURITE in by_stages  # 24 ms
    (other,) = set(by_stages) - {FAVOURITE}
    undilated = Architecture(SPACE.name, (*other, *((0,) * 8)))
    assert late_ms(undilated) <= 21.25
    whole = [a for a in proposals if a.genes[:4] == other and not is_partial(a)]
    dilated = [a for a in whole if a not in stage_codes(proposals)]
    assert dilated
    assert all(late_ms(a) <= 21.25 for a in dilated)
    assert len(stage_codes(proposals)) == sum(
        late_ms(code) <= 30.0 for code in stage_codes(walk_everything())
    )


def walk_everything() -> list[Architecture]:
    return walk(make_strategy("crnas", SPACE, (QUALITY,)), favour)


def test_budgets_with_one_answer_share_their_evaluations() -> None:
    options: dict[str, Any] = {"constraints": (Constraint("latency_ms", 90.0),)}
    goals = (LATENCY, QUALITY)
    one = walk(make_strategy("crnas", SPACE, goals, **options), favour)
    two = walk(make_strategy("crnas", SPACE, goals, budgets=(80.0, 90.0), **options), favour)
    assert one == two


def test_a_stage_search_that_fails_ends_the_search() -> None:
    proposals = walk(make_strategy("crnas", SPACE, (QUALITY,)), lambda _: math.nan)
    assert len(proposals) == make_space("crnas-resnet18-stages").size


@pytest.mark.parametrize(
    ("constraints", "budgets", "message"),
    [
        ((), (20.0,), "of the first constraint and at most its own; there is none"),
        ((Constraint("latency_ms", 30.0),), (31.0,), "got 31 and Constraint"),
        ((AnyOf((Constraint("latency_ms", 30.0),)),), (20.0,), "got 20 and AnyOf"),
        ((Constraint("latency_ms", 30.0),), ("20",), "budgets must be numbers, got '20'"),
        ((Constraint("latency_ms", 30.0),), (True,), "budgets must be numbers, got True"),
        ((Constraint("latency_ms", 30.0),), (math.nan,), "budgets must be finite, got nan"),
    ],
)
def test_impossible_budgets_are_refused(constraints: Any, budgets: Any, message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        make_strategy("crnas", SPACE, (LATENCY, QUALITY), constraints, budgets=budgets)


def test_a_budget_that_nothing_keeps_is_refused() -> None:
    bound = Constraint("latency_ms", 30.0)
    with pytest.raises(InfeasibleBudgetError) as caught:
        make_strategy("crnas", SPACE, (LATENCY, QUALITY), (bound,), budgets=(1.0, 30.0))
    assert caught.value.budget == 1.0


@pytest.mark.parametrize(
    "space", [DigitSpace(), make_space("crnas-resnet18-stages"), make_space("detnas-nano")]
)
def test_other_spaces_are_refused(space: Any) -> None:
    with pytest.raises(StrategyError, match="crnas searches stages and dilations"):
        make_strategy("crnas", space, (QUALITY,))


def test_foreign_options_are_refused() -> None:
    with pytest.raises(StrategyError, match="takes CrNasOptions"):
        CrNasStrategy(SPACE, (QUALITY,), options=StrategyOptions())
