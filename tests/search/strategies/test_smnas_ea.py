"""The search of SM-NAS: the front is mutated, the partial order prunes, audits tell the truth."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search import (
    CallableEvaluator,
    Constraint,
    Objective,
    SmNasStrategy,
    SpaceExhaustedError,
    Strategy,
    StrategyError,
    StrategyOptions,
    describe_result,
    hypervolume,
    load_result,
    make_strategy,
    run_search,
)
from search.conformance import GOALS, StrategyConformance, cost, play, quality
from search.spaces.digits import DigitSpace
from searchspaces import Architecture


@dataclass(frozen=True)
class OrderedDigits(DigitSpace):
    """Digits of which a greater one is a deeper layer."""

    def precedes(self, a: Architecture, b: Architecture) -> bool:
        return all(int(x) <= int(y) for x, y in zip(a.genes, b.genes, strict=True))


def play_on(
    strategy: Strategy,
    proposals: list[Architecture],
    evaluate: Callable[[Architecture], float] = quality,
) -> None:
    for _ in range(10_000):
        proposals += play(strategy, [1], evaluate)


class TestSmNas(StrategyConformance):
    def make(
        self,
        space: DigitSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint] = (),
        seed: int = 0,
    ) -> Strategy:
        return make_strategy("smnas-ea", space, objectives, constraints, seed, population=8)


class TestSmNasPruning(TestSmNas):
    """The same with a partial order, except that a space may end sooner."""

    def make(
        self,
        space: DigitSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint] = (),
        seed: int = 0,
    ) -> Strategy:
        ordered = OrderedDigits(space.positions, space.base)
        return make_strategy("smnas-ea", ordered, objectives, constraints, seed, population=8)

    def test_never_proposes_twice_and_ends_with_the_space(self) -> None:
        space = DigitSpace(4, 2)
        strategy = self.make(space, GOALS)
        proposals: list[Architecture] = []
        with pytest.raises(SpaceExhaustedError):
            play_on(strategy, proposals)
        assert len(set(proposals)) == len(proposals) <= space.size


def made(space: DigitSpace, seed: int = 0, **options: Any) -> SmNasStrategy:
    strategy = make_strategy("smnas-ea", space, GOALS, (), seed, **options)
    assert isinstance(strategy, SmNasStrategy)
    return strategy


def volume(archs: Sequence[Architecture]) -> float:
    return hypervolume([[cost(a), quality(a)] for a in archs], GOALS, (61.0, 0.0))


def flat(arch: Architecture) -> float:
    """Grow with the digits, but hardly any more once they sum up to 4: much can be pruned."""
    return min(cost(arch), 4.0) + 0.01 * min(cost(arch), 6.0)


def test_the_first_sample_is_random_search() -> None:
    space = DigitSpace(8, 3)
    evolved = play(made(space, population=30), [30])
    assert evolved == play(make_strategy("random", space, GOALS), [30])


def test_asking_in_smaller_batches_changes_nothing_before_results_count() -> None:
    space = DigitSpace(9, 3)
    assert play(made(space, population=12), [12]) == play(made(space, population=12), [3] * 4)


def test_the_front_is_what_nothing_told_dominates() -> None:
    strategy = made(DigitSpace(12, 3), population=8)
    proposals = play(strategy, [8, 8, 8])
    values = np.array([[cost(a), -quality(a)] for a in proposals])
    beaten = [any((o <= v).all() and (o < v).any() for o in values) for v in values]
    front = {a for a, worse in zip(proposals, beaten, strict=True) if not worse}
    assert set(strategy.front) == front


def test_failures_are_not_mutated() -> None:
    strategy = made(DigitSpace(8, 3), population=10)
    play(strategy, [10], lambda a: quality(a) if a.genes[0] == 0 else math.nan)
    assert strategy.front
    assert all(arch.genes[0] == 0 for arch in strategy.front)


def test_it_finds_more_of_the_front_than_chance() -> None:
    space = DigitSpace(20, 4)
    evolved, sampled = [], []
    for seed in range(5):
        evolved.append(volume(play(made(space, seed), [20] * 15)))
        sampled.append(volume(play(make_strategy("random", space, GOALS, (), seed), [20] * 15)))
    assert np.mean(evolved) > 1.1 * np.mean(sampled)


def test_pruning_leaves_out_what_is_beaten_and_loses_nothing_where_it_holds() -> None:
    """Accuracy never falls with the digits here, so that the whole front is found for less."""
    space = OrderedDigits(6, 3)
    strategy = made(space, audit=0.0)
    proposals: list[Architecture] = []
    with pytest.raises(SpaceExhaustedError, match="were left out by the partial order") as ended:
        play_on(strategy, proposals, flat)
    assert ended.value.proven
    summary = strategy.summary
    assert summary["pruned"] + len(proposals) == space.size
    assert summary["pruned"] > 0.3 * space.size
    assert (summary["audited"], summary["assumption_failed"]) == (0, 0)
    assert (summary["pairs"] > 0, summary["pairs_failed"]) == (True, 0)

    def whole(archs: Sequence[Architecture]) -> float:
        return hypervolume([[cost(a), flat(a)] for a in archs], GOALS, (13.0, -1.0))

    assert whole(proposals) == whole(tuple(space.enumerate()))


def test_audits_find_out_where_the_assumption_fails() -> None:
    """Here less is more: nearly every audit contradicts the order."""
    space = OrderedDigits(8, 3)
    strategy = made(space, audit=0.5)
    play(strategy, [1] * 120, lambda arch: float(int(arch.genes[0])) + 0.1 * (16 - cost(arch)))
    summary = strategy.summary
    assert summary["audited"] > 10
    assert summary["assumption_failed"] > 0.5 * summary["audited"]
    assert summary["pairs_failed"] > 0
    truthful = made(space, audit=0.5)
    play(truthful, [1] * 120, flat)
    assert truthful.summary["audited"] > 10
    assert truthful.summary["assumption_failed"] == 0


def test_tolerance_leaves_less_out() -> None:
    space = OrderedDigits(8, 3)
    strict, tolerant = made(space, audit=0.0), made(space, audit=0.0, tolerance=1.0)
    for strategy in (strict, tolerant):
        play(strategy, [1] * 60, flat)
    assert tolerant.summary["pruned"] < strict.summary["pruned"]
    assert tolerant.summary["tolerance"] == 1.0


def test_without_an_order_nothing_is_left_out_and_it_says_so() -> None:
    strategy = made(DigitSpace())
    play(strategy, [40])
    assert strategy.summary["pruning"] is False
    assert "neither precedes() nor gene_order" in strategy.summary["why_not"]
    off = made(OrderedDigits(), pruning=False)
    assert off.summary == {"pruning": False, "why_not": "it was switched off"}


def test_a_run_keeps_the_summary_and_goes_on_with_it(tmp_path: Path) -> None:
    space = OrderedDigits(7, 3)
    evaluator = CallableEvaluator(lambda arch: {"quality": flat(arch)})

    def go(folder: str, evals: int, resume: bool = False) -> Any:
        goals = GOALS
        return run_search(
            space,
            "smnas-ea",
            evaluator,
            goals,
            evals=evals,
            out_dir=tmp_path / folder,
            resume=resume,
            options={"audit": 0.2},
        )

    whole = go("whole", 80)
    go("parts", 30)
    resumed = go("parts", 80, resume=True)
    assert resumed.architectures == whole.architectures
    assert resumed.summary == whole.summary == load_result(tmp_path / "whole").summary
    assert whole.summary["pruned"] > 0
    assert describe_result(whole)["summary"] == whole.summary


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"population": 0}, "population must be an integer of at least 1"),
        ({"random_share": 1.5}, r"random_share must lie in \[0, 1\], got 1.5"),
        ({"audit": math.nan}, r"audit must lie in \[0, 1\], got nan"),
        ({"tolerance": -1.0}, "tolerance must be a finite number of at least 0"),
        ({"tolerance": math.inf}, "tolerance must be a finite number"),
        ({"tolerance": True}, "tolerance must be a finite number"),
        ({"pruning": "no"}, "pruning must be True or False, got 'no'"),
        ({"pruning": False, "audit": 0.5}, "pruning is off; leave them out, got 0.0 and 0.5"),
        ({"pruning": False, "tolerance": 1.0}, "pruning is off; leave them out, got 1.0 and"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        make_strategy("smnas-ea", DigitSpace(), GOALS, **options)
    with pytest.raises(StrategyError, match="takes SmNasOptions"):
        SmNasStrategy(DigitSpace(), GOALS, options=StrategyOptions())
