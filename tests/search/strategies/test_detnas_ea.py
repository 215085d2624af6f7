"""The evolution of DetNAS, checked against its description."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from search import (
    Constraint,
    DetNasStrategy,
    Objective,
    ObjectiveError,
    Strategy,
    StrategyError,
    StrategyOptions,
    make_strategy,
)
from search.conformance import COST, GOALS, StrategyConformance, cost, play, quality
from search.spaces.digits import DigitSpace
from searchspaces import Architecture


@dataclass(frozen=True)
class RecordingSpace(DigitSpace):
    """Notes which operator is used on what."""

    log: list[tuple[str, tuple[Architecture, ...]]] = field(default_factory=list)

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        self.log.append(("mutation", (arch,)))
        return super().mutate(arch, rng)

    def crossover(
        self, a: Architecture, b: Architecture, rng: np.random.Generator
    ) -> Architecture:
        self.log.append(("crossover", (a, b)))
        return super().crossover(a, b, rng)


class TestDetNas(StrategyConformance):
    def make(
        self,
        space: DigitSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint] = (),
        seed: int = 0,
    ) -> Strategy:
        return make_strategy("detnas-ea", space, objectives, constraints, seed, population=10)


def test_defaults_are_the_papers() -> None:
    options = make_strategy("detnas-ea", DigitSpace(), GOALS).options
    assert (options.population, options.parents, options.random_share) == (50, 10, 0.0)  # type: ignore[attr-defined]


def test_first_generation_is_random_search() -> None:
    space = DigitSpace(8, 3)
    evolved = play(make_strategy("detnas-ea", space, GOALS, population=30), [30])
    assert evolved == play(make_strategy("random", space, GOALS), [30])


def test_children_are_half_mutated_half_crossed_from_the_best_so_far() -> None:
    space = RecordingSpace(30, 4)
    strategy = make_strategy("detnas-ea", space, GOALS, population=20, parents=4)
    first = play(strategy, [20])
    assert space.log == []
    play(strategy, [20])
    best = sorted(first, key=quality, reverse=True)[:4]
    assert isinstance(strategy, DetNasStrategy)
    assert strategy.parents == tuple(best)
    assert [operator for operator, _ in space.log] == ["mutation", "crossover"] * 10
    assert all(set(parents) <= set(best) for _, parents in space.log)
    assert all(len(set(parents)) == len(parents) for _, parents in space.log)


def test_parents_are_the_best_of_all_generations() -> None:
    strategy = make_strategy("detnas-ea", DigitSpace(12, 3), GOALS, population=10, parents=3)
    proposals = play(strategy, [10, 10, 10])
    assert isinstance(strategy, DetNasStrategy)
    strategy.ask(1)
    assert strategy.generation == 3
    best = sorted(map(quality, proposals), reverse=True)[:3]
    assert list(map(quality, strategy.parents)) == best


def test_asking_in_smaller_batches_changes_nothing() -> None:
    whole = play(make_strategy("detnas-ea", DigitSpace(9, 3), GOALS, population=12), [12] * 4)
    parts = play(make_strategy("detnas-ea", DigitSpace(9, 3), GOALS, population=12), [3] * 16)
    assert whole == parts


def test_random_share_of_the_released_code() -> None:
    space = RecordingSpace(30, 4)
    strategy = make_strategy("detnas-ea", space, GOALS, population=50, random_share=0.2)
    play(strategy, [50, 50])
    assert [operator for operator, _ in space.log] == ["mutation", "crossover"] * 20


def test_failed_architectures_are_no_parents() -> None:
    strategy = make_strategy("detnas-ea", DigitSpace(8, 3), GOALS, population=10, parents=5)
    worst_fail = play(strategy, [10], lambda a: quality(a) if a.genes[0] == 0 else math.nan)
    strategy.ask(1)
    assert isinstance(strategy, DetNasStrategy)
    succeeded = [a for a in worst_fail if a.genes[0] == 0]
    assert 0 < len(strategy.parents) <= 5
    assert set(strategy.parents) <= set(succeeded)


def test_one_parent_only_mutates() -> None:
    space = RecordingSpace(12, 3)
    play(make_strategy("detnas-ea", space, GOALS, population=6, parents=1), [6, 6])
    assert {operator for operator, _ in space.log} == {"mutation"}


def test_a_minimised_objective_is_minimised() -> None:
    goals = (COST, Objective("loss", "min"))
    strategy = make_strategy("detnas-ea", DigitSpace(12, 3), goals, population=10, parents=2)
    first = play(strategy, [10])
    strategy.ask(1)
    assert isinstance(strategy, DetNasStrategy)
    assert [quality(a) for a in strategy.parents] == sorted(map(quality, first))[:2]


def test_evolution_improves_within_the_constraint() -> None:
    space, bound = DigitSpace(20, 4), Constraint("cost", 25.0)
    evolved, sampled = [], []
    for seed in range(5):
        options = {"population": 20, "parents": 5, "seed": seed}
        evolution = play(make_strategy("detnas-ea", space, GOALS, (bound,), **options), [20] * 10)
        chance = play(make_strategy("random", space, GOALS, (bound,), seed), [20] * 10)
        assert max(map(cost, evolution)) <= 25.0
        evolved.append(max(map(quality, evolution)))
        sampled.append(max(map(quality, chance)))
    assert np.mean(evolved) > 1.05 * np.mean(sampled)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"population": 0}, "population must be an integer of at least 1"),
        ({"parents": 2.5}, "parents must be an integer"),
        ({"random_share": 1.5}, r"random_share must lie in \[0, 1\], got 1.5"),
        ({"random_share": math.nan}, "random_share must lie in"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        make_strategy("detnas-ea", DigitSpace(), GOALS, **options)


def test_foreign_options_are_refused() -> None:
    with pytest.raises(StrategyError, match="takes DetNasOptions"):
        DetNasStrategy(DigitSpace(), GOALS, options=StrategyOptions())


def test_nothing_to_evolve_towards_is_refused() -> None:
    with pytest.raises(ObjectiveError, match="all of cost are known"):
        make_strategy("detnas-ea", DigitSpace(), (COST,))
