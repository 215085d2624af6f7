"""NSGA-II: its generations, its parents, and that it finds fronts."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from search import (
    Constraint,
    Nsga2Strategy,
    Objective,
    Strategy,
    StrategyError,
    StrategyOptions,
    hypervolume,
    make_strategy,
)
from search.conformance import GOALS, StrategyConformance, cost, play, quality
from search.spaces.digits import DigitSpace
from searchspaces import Architecture


class TestNsga2(StrategyConformance):
    def make(
        self,
        space: DigitSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint] = (),
        seed: int = 0,
    ) -> Strategy:
        return make_strategy("nsga2", space, objectives, constraints, seed, population=10)


def made(space: DigitSpace, seed: int = 0, **options: Any) -> Nsga2Strategy:
    strategy = make_strategy("nsga2", space, GOALS, (), seed, **options)
    assert isinstance(strategy, Nsga2Strategy)
    return strategy


def volume(archs: Sequence[Architecture]) -> float:
    return hypervolume([[cost(a), quality(a)] for a in archs], GOALS, (61.0, 0.0))


def test_first_generation_is_random_search() -> None:
    space = DigitSpace(8, 3)
    evolved = play(made(space, population=30), [30])
    assert evolved == play(make_strategy("random", space, GOALS), [30])


def test_asking_in_smaller_batches_changes_nothing() -> None:
    space = DigitSpace(9, 3)
    assert play(made(space, population=12), [12] * 4) == play(made(space, population=12), [3] * 16)


def test_parents_are_the_best_of_all_generations() -> None:
    strategy = made(DigitSpace(12, 3), population=8)
    proposals = play(strategy, [8, 8, 8])
    strategy.ask(1)
    assert strategy.generation == 3
    values = np.array([[cost(a), -quality(a)] for a in proposals])
    beaten = [any((o <= v).all() and (o < v).any() for o in values) for v in values]
    front = {a for a, worse in zip(proposals, beaten, strict=True) if not worse}
    if len(front) >= 8:
        assert set(strategy.parents) <= front
    else:
        assert front <= set(strategy.parents)
    assert len(strategy.parents) == 8


def test_failures_are_no_parents() -> None:
    strategy = made(DigitSpace(8, 3), population=10)
    told = play(strategy, [10], lambda a: quality(a) if a.genes[0] == 0 else math.nan)
    strategy.ask(1)
    assert set(strategy.parents) == {a for a in told if a.genes[0] == 0}


def test_what_was_told_and_breaks_a_constraint_is_ranked_behind() -> None:
    space, bound = DigitSpace(6, 3), Constraint("cost", 4.0)
    strategy = make_strategy("nsga2", space, GOALS, (bound,), population=4)
    assert isinstance(strategy, Nsga2Strategy)
    strategy.ask(4)
    codes = ("222222", "222221", "110000", "111100", "000001")
    known = [space.decode(code) for code in codes]
    strategy.tell(known, [[cost(a), quality(a)] for a in known])
    strategy.ask(1)
    kept = [a for a in known if cost(a) <= 4.0]
    assert set(strategy.parents[:3]) == set(kept)
    assert strategy.parents[3] == known[1]  # exceeds by less than the other


def test_it_finds_more_of_the_front_than_chance() -> None:
    space = DigitSpace(20, 4)
    evolved, sampled = [], []
    for seed in range(5):
        evolved.append(volume(play(made(space, seed), [20] * 15)))
        sampled.append(volume(play(make_strategy("random", space, GOALS, (), seed), [20] * 15)))
    assert np.mean(evolved) > 1.1 * np.mean(sampled)


def test_three_objectives() -> None:
    space = DigitSpace(10, 3)
    first = Objective("first", "max", known=lambda arch: float(arch.genes[0]))
    strategy = make_strategy("nsga2", space, (*GOALS, first), population=6)
    for _ in range(5):
        batch = strategy.ask(6)
        strategy.tell(batch, [[cost(a), quality(a), first.value(a)] for a in batch])
    assert len(strategy.told) == 30


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"population": 0}, "population must be an integer of at least 1"),
        ({"crossover": 1.5}, r"crossover must lie in \[0, 1\], got 1.5"),
        ({"mutation": math.nan}, r"mutation must lie in \[0, 1\], got nan"),
        ({"mutation": True}, "mutation must lie in"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        make_strategy("nsga2", DigitSpace(), GOALS, **options)
    with pytest.raises(StrategyError, match="takes Nsga2Options"):
        Nsga2Strategy(DigitSpace(), GOALS, options=StrategyOptions())
