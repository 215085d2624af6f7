"""What every strategy does the same way."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from search import (
    STRATEGIES,
    Constraint,
    DetNasOptions,
    Objective,
    ObjectiveError,
    RandomStrategy,
    SpaceExhaustedError,
    StrategyError,
    UnknownStrategyError,
    make_strategy,
)
from search.conformance import COST, GOALS, QUALITY, cost, play, quality
from search.spaces.digits import DigitSpace
from searchspaces import Architecture


class MirrorSpace(DigitSpace):
    """A space in which a code and its reverse mean the same."""

    def canonical(self, arch: Architecture) -> Architecture:
        genes = tuple(map(int, arch.genes))
        return Architecture(self.name, min(genes, genes[::-1]))


class HiddenSpace(MirrorSpace):
    """The same, but it cannot be listed."""

    gene_choices = None  # type: ignore[assignment]
    enumerate = None  # type: ignore[assignment]

    def sample(self, rng: np.random.Generator) -> Architecture:
        return self._architecture(rng.integers(self.base, size=self.positions))


class LeakySpace(DigitSpace):
    """A space whose operators sometimes leave it."""

    def sample(self, rng: np.random.Generator) -> Architecture:
        return self._architecture(rng.integers(self.base + 1, size=self.positions))

    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        return self.sample(rng)


# Strategies that decide genes one after the other, or list a space, have tests of their own.
WHOLE = sorted({*STRATEGIES} - {"crnas", "crnas-greedy"})
DRAWING = sorted({*WHOLE} - {"crnas-stage"})


def told_of_many() -> list[Any]:
    """Return the names of all strategies; a model of ten thousand results takes its time."""
    slow = {"ehvi": pytest.mark.slow}
    return [pytest.param(n, marks=slow.get(n, ())) for n in DRAWING]


@pytest.mark.parametrize("name", told_of_many())
def test_no_duplicates_in_ten_thousand_proposals(name: str) -> None:
    strategy = make_strategy(name, DigitSpace(16, 4), GOALS, (Constraint("cost", 24.0),))
    proposals = play(strategy, [50] * 200)
    assert len(set(proposals)) == 10_000
    assert max(map(cost, proposals)) <= 24.0


@pytest.mark.parametrize("name", WHOLE)
def test_codes_of_one_network_count_once(name: str) -> None:
    space = MirrorSpace(5, 2)
    strategy = make_strategy(name, space, GOALS, max_attempts=50)
    proposals = play(strategy, [20])
    assert len(set(proposals)) == 20  # 32 codes, 8 of them palindromes: (32 + 8) / 2
    assert all(space.canonical(architecture) == architecture for architecture in proposals)
    with pytest.raises(SpaceExhaustedError, match="no architecture of digits is left") as caught:
        strategy.ask(1)
    assert caught.value.proven


def test_a_batch_is_cut_where_the_space_ends() -> None:
    strategy = make_strategy("random", DigitSpace(2, 2), GOALS)
    assert len(strategy.ask(3)) == 3
    assert len(strategy.ask(3)) == 1
    with pytest.raises(SpaceExhaustedError, match="left after 4"):
        strategy.ask(1)


def test_constraints_may_exhaust_the_space() -> None:
    strategy = make_strategy("random", DigitSpace(4, 3), GOALS, (Constraint("cost", 1.0),))
    assert len(strategy.ask(20)) == 5
    with pytest.raises(SpaceExhaustedError, match="that keeps cost <= 1 is left after 5"):
        strategy.ask(1)


def test_what_cannot_be_listed_is_given_up_after_bounded_attempts() -> None:
    strategy = make_strategy("random", HiddenSpace(4, 2), GOALS, max_attempts=500)
    assert len(strategy.ask(16)) == 10
    with pytest.raises(SpaceExhaustedError, match="found in 500 attempts") as caught:
        strategy.ask(1)
    assert not caught.value.proven


@pytest.mark.parametrize("name", DRAWING)
def test_tight_budgets_are_met_in_spaces_too_large_to_list(name: str) -> None:
    strategy = make_strategy(name, DigitSpace(40, 4), GOALS, (Constraint("cost", 6.0),))
    proposals = play(strategy, [20])  # a sample costs 60 on average, and never 6
    assert len(set(proposals)) == 20
    assert max(map(cost, proposals)) <= 6.0


@pytest.mark.parametrize("name", WHOLE)
def test_candidates_outside_the_space_are_refused(name: str) -> None:
    space = LeakySpace(4, 2)
    proposals = play(make_strategy(name, space, GOALS), [16])
    assert set(proposals) == set(DigitSpace(4, 2).enumerate())


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_replaying_a_history_reproduces_it(asks: list[int], seed: int) -> None:
    for name in sorted({*WHOLE} - {"ehvi"}):  # test_ehvi.py has fewer examples of its own
        first = play(make_strategy(name, DigitSpace(5, 3), GOALS, seed=seed), asks)
        again = play(make_strategy(name, DigitSpace(5, 3), GOALS, seed=seed), asks)
        assert first == again
        assert len(set(first)) == sum(asks)


def test_pending_and_told() -> None:
    strategy = make_strategy("random", DigitSpace(), GOALS)
    a, b, c = strategy.ask(3)
    strategy.tell([b], [[1.0, np.nan]])
    assert strategy.pending == (a, c)
    ((told, row),) = strategy.told
    assert told == b
    assert np.isnan(row[1])


def test_results_from_elsewhere_are_not_proposed_again() -> None:
    space = DigitSpace(3, 2)
    strategy = make_strategy("random", space, GOALS)
    known = [space.decode("000"), space.decode("111")]
    strategy.tell(known, [[0.0, 0.0], [3.0, 6.0]])
    assert not set(known) & set(strategy.ask(6))


def test_a_refused_tell_teaches_nothing() -> None:
    space = DigitSpace()
    strategy = make_strategy("random", space, GOALS)
    a, b = strategy.ask(2)
    for archs, values, message in [
        ([a, a], [[1, 2], [1, 2]], "twice in one call"),
        ([a, Architecture("other", (1,))], [[1, 2], [1, 2]], "not in digits"),
        ([a, b], [[1, 2], [1, np.inf]], "finite"),
        ([a, b], [[1, 2]], r"shape \(2, 2\): one row per architecture, columns \(cost, quality\)"),
        ([a, b], [["x", 2], [1, 2]], "table of numbers"),
        ([a, b], [[1, 2], [1]], "table of numbers"),
    ]:
        with pytest.raises(StrategyError, match=message):
            strategy.tell(archs, values)  # type: ignore[arg-type]
    assert strategy.told == ()
    strategy.tell([], [])
    strategy.tell([a, b], [[1, 2], [1, 2]])
    with pytest.raises(StrategyError, match="told before"):
        strategy.tell([b], [[1, 2]])


@pytest.mark.parametrize("n", [0, -1, 1.5, True, None])
def test_ask_needs_a_count(n: Any) -> None:
    with pytest.raises(StrategyError, match="n must be an integer of at least 1"):
        make_strategy("random", DigitSpace(), GOALS).ask(n)


def test_make_strategy_names_what_it_knows() -> None:
    with pytest.raises(
        UnknownStrategyError,
        match="'annealing'; known strategies: crnas, crnas-greedy, crnas-stage, ",
    ):
        make_strategy("annealing", DigitSpace(), GOALS)
    with pytest.raises(StrategyError, match="random has no option 'population'; its options are"):
        make_strategy("random", DigitSpace(), GOALS, population=20)
    with pytest.raises(StrategyError, match="max_attempts must be an integer of at least 1"):
        make_strategy("random", DigitSpace(), GOALS, max_attempts=0)
    with pytest.raises(StrategyError, match="seed must be an integer of at least 0, got -1"):
        make_strategy("random", DigitSpace(), GOALS, seed=-1)
    with pytest.raises(ObjectiveError, match="at least one objective"):
        make_strategy("random", DigitSpace(), ())


def test_options_reach_the_strategy() -> None:
    strategy = make_strategy("detnas-ea", DigitSpace(), GOALS, population=20, parents=5)
    assert strategy.options == DetNasOptions(population=20, parents=5)


def test_any_number_of_objectives() -> None:
    third = Objective("depth", "min", known=lambda arch: float(arch.genes[0]))
    strategy = RandomStrategy(DigitSpace(), (QUALITY, third, COST))
    batch = strategy.ask(2)
    strategy.tell(batch, [[quality(a), third.value(a), cost(a)] for a in batch])
    assert len(strategy.told) == 2
