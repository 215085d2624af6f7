"""Local search: starts, turns, neighbours."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from search import (
    Constraint,
    LocalStrategy,
    Objective,
    Strategy,
    StrategyError,
    StrategyOptions,
    hypervolume,
    make_strategy,
)
from search.conformance import GOALS, StrategyConformance, cost, play, quality
from search.spaces.digits import DigitSpace
from search.strategies.neighbours import neighbour
from searchspaces import Architecture


class TestLocal(StrategyConformance):
    def make(
        self,
        space: DigitSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint] = (),
        seed: int = 0,
    ) -> Strategy:
        return make_strategy("local", space, objectives, constraints, seed)


def made(space: DigitSpace, seed: int = 0, **options: Any) -> LocalStrategy:
    strategy = make_strategy("local", space, GOALS, (), seed, **options)
    assert isinstance(strategy, LocalStrategy)
    return strategy


def apart(a: Architecture, b: Architecture) -> int:
    return sum(x != y for x, y in zip(a.genes, b.genes, strict=True))


def test_starts_are_sampled_then_every_step_leaves_the_front() -> None:
    space = DigitSpace(20, 3)
    strategy = made(space, starts=6, restarts=0.0)
    first = play(strategy, [6])
    assert first == play(make_strategy("random", space, GOALS), [6])
    for _ in range(20):
        front = strategy.front
        step = play(strategy, [1])[0]
        assert min(apart(step, member) for member in front) == 1


def test_the_front_takes_turns() -> None:
    space = DigitSpace(20, 3)
    strategy = made(space, starts=6, restarts=0.0)
    play(strategy, [6])
    front = strategy.front
    batch = strategy.ask(3 * len(front))  # nothing is told meanwhile
    nearest = [min(front, key=lambda m, s=step: apart(s, m)) for step in batch]
    assert [nearest.count(member) for member in front] == [3] * len(front)


def test_restarts_are_sampled() -> None:
    space = DigitSpace(20, 4)
    strategy = made(space, starts=2, restarts=0.5)
    play(strategy, [2])
    steps = 0
    for _ in range(60):
        front = strategy.front
        step = play(strategy, [1])[0]
        steps += min(apart(step, member) for member in front) == 1
    assert 18 <= steps <= 42


def test_failures_are_not_explored() -> None:
    strategy = made(DigitSpace(8, 3))
    told = play(strategy, [10], lambda a: quality(a) if a.genes[0] == 0 else math.nan)
    assert set(strategy.front) <= {a for a in told if a.genes[0] == 0}


def test_it_finds_more_of_the_front_than_chance() -> None:
    space, found = DigitSpace(20, 4), []
    for name in ("local", "random"):
        volumes = []
        for seed in range(5):
            archs = play(make_strategy(name, space, GOALS, (), seed), [10] * 30)
            values = [[cost(a), quality(a)] for a in archs]
            volumes.append(hypervolume(values, GOALS, (61.0, 0.0)))
        found.append(np.mean(volumes))
    assert found[0] > 1.1 * found[1]


def test_a_neighbour_differs_in_one_gene_where_the_space_tells_them() -> None:
    space, rng = DigitSpace(6, 3), np.random.default_rng(0)
    arch = space.decode("012012")
    steps = {neighbour(space, arch, rng) for _ in range(400)}
    assert len(steps) == 12
    assert all(apart(arch, step) == 1 for step in steps)


def test_a_neighbour_is_a_mutation_elsewhere_and_always_valid() -> None:
    class Opaque(DigitSpace):
        gene_choices = None  # type: ignore[assignment]

        def sample(self, rng: np.random.Generator) -> Architecture:
            return self._architecture(rng.integers(self.base, size=self.positions))

        def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
            return self.decode("222222")

    class Odd(DigitSpace):
        def is_valid(self, arch: Architecture) -> bool:
            return super().is_valid(arch) and sum(map(int, arch.genes)) % 2 == 1

        def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
            return self.decode("000001")

    rng = np.random.default_rng(0)
    assert neighbour(Opaque(6, 3), Opaque(6, 3).decode("000000"), rng).genes == (2,) * 6
    odd = Odd(6, 3)
    assert all(odd.is_valid(neighbour(odd, odd.decode("100000"), rng)) for _ in range(50))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"starts": 0}, "starts must be an integer of at least 1"),
        ({"restarts": -0.1}, r"restarts must lie in \[0, 1\], got -0.1"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        make_strategy("local", DigitSpace(), GOALS, **options)
    with pytest.raises(StrategyError, match="takes LocalOptions"):
        LocalStrategy(DigitSpace(), GOALS, options=StrategyOptions())
