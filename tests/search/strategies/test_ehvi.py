"""The model-based search: design, model, fantasies, and runs that go on as if undisturbed."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from search import (
    AnyOf,
    CallableEvaluator,
    Constraint,
    EhviStrategy,
    Objective,
    ObjectiveError,
    SearchResult,
    Strategy,
    StrategyError,
    StrategyOptions,
    hypervolume,
    make_strategy,
    run_search,
)
from search.conformance import COST, GOALS, QUALITY, StrategyConformance, cost, play, quality
from search.spaces.digits import DigitSpace
from search.strategies.design import stratified_design
from search.surrogates import Chain, Level, Surrogate
from searchspaces import Architecture

QUICK: dict[str, Any] = {"initial": 6, "candidates": 64}


class TestEhvi(StrategyConformance):
    def make(
        self,
        space: DigitSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint] = (),
        seed: int = 0,
    ) -> Strategy:
        return make_strategy("ehvi", space, objectives, constraints, seed, **QUICK)


def made(space: DigitSpace, seed: int = 0, **options: Any) -> EhviStrategy:
    strategy = make_strategy("ehvi", space, GOALS, (), seed, **{**QUICK, **options})
    assert isinstance(strategy, EhviStrategy)
    return strategy


def hidden(arch: Architecture) -> float:
    """Reward early digits for little cost, with an interaction."""
    a, b, c, *rest = map(float, arch.genes)
    return 5.0 * a + 3.0 * b + a * c + 0.3 * sum(rest)


def volume(archs: Sequence[Architecture]) -> float:
    return hypervolume([[cost(a), hidden(a)] for a in archs], GOALS, (21.0, -1.0))


def test_it_finds_the_front_in_few_evaluations() -> None:
    space = DigitSpace(10, 3)
    full = hypervolume([[cost(a), hidden(a)] for a in space.enumerate()], GOALS, (21.0, -1.0))
    shares = [volume(play(made(space, seed), [1] * 40, hidden)) / full for seed in range(3)]
    chance = [
        volume(play(make_strategy("random", space, GOALS, (), seed), [40], hidden)) / full
        for seed in range(3)
    ]
    assert min(shares) > 0.97
    assert max(chance) < min(shares)


def test_batches_find_almost_as_much_as_single_proposals() -> None:
    space = DigitSpace(10, 3)
    single = np.mean([volume(play(made(space, seed), [1] * 40, hidden)) for seed in range(2)])
    batches = np.mean([volume(play(made(space, seed), [8] * 5, hidden)) for seed in range(2)])
    assert batches > 0.95 * single


def test_a_batch_is_spread_over_the_front() -> None:
    """Without believing in what is pending, a batch would be neighbours of one candidate."""
    strategy = made(DigitSpace(10, 3), exploration=0.0)
    play(strategy, [16], hidden)
    batch = strategy.ask(6)
    assert len({cost(arch) for arch in batch}) >= 4


def test_the_design_is_spread_over_the_cost() -> None:
    space, rng = DigitSpace(30, 4), np.random.default_rng(0)
    design = stratified_design(
        space, COST, make_strategy("random", space, GOALS).constraints,
        lambda archs: np.array([space.features(a) for a in archs]), 10, rng,
    )  # fmt: skip
    costs = sorted(map(cost, design))
    assert len(set(design)) == 10
    assert costs[0] == 0.0
    assert costs[-1] == 90.0
    assert max(np.diff(costs)) < 25.0
    sampled = [cost(space.sample(rng)) for _ in range(200)]
    assert np.std(costs) > 3 * np.std(sampled)


def test_the_design_keeps_the_constraints_and_small_spaces() -> None:
    bound = Constraint("cost", 9.0)
    strategy = make_strategy("ehvi", DigitSpace(12, 3), GOALS, (bound,), **QUICK)
    costs = list(map(cost, play(strategy, [6])))
    assert max(costs) == 9.0
    tiny = made(DigitSpace(2, 2), initial=20)
    assert len(set(play(tiny, [4]))) == 4


def test_asking_in_smaller_batches_changes_nothing() -> None:
    space = DigitSpace(9, 3)
    one, two = made(space), made(space)
    for strategy in (one, two):
        play(strategy, [10])
    assert one.ask(8) == [arch for n in (1, 3, 4) for arch in two.ask(n)]


@settings(max_examples=5)
@given(st.lists(st.integers(1, 6), min_size=2, max_size=5), st.integers(0, 2**32 - 1))
def test_replaying_a_history_reproduces_it(asks: list[int], seed: int) -> None:
    first = play(made(DigitSpace(5, 3), seed), [6, *asks], hidden)
    assert first == play(made(DigitSpace(5, 3), seed), [6, *asks], hidden)
    assert len(set(first)) == 6 + sum(asks)


def test_exploration_is_a_share_of_the_proposals() -> None:
    strategy = made(DigitSpace(20, 4), exploration=1.0)
    play(strategy, [6])
    assert strategy._beliefs._model is None
    play(strategy, [10])
    assert strategy._beliefs._model is None  # local and random moves alone
    mixed = made(DigitSpace(20, 4), exploration=0.0)
    play(mixed, [6, 1])
    assert mixed._beliefs._model is not None


def test_beyond_a_limit_trees_are_the_model() -> None:
    strategy = made(DigitSpace(12, 3), process_limit=20)
    play(strategy, [20, 1])
    assert type(strategy._beliefs.model()).__name__ == "TreeEnsemble"
    proposals = play(strategy, [5, 5], hidden)
    assert len(set(proposals)) == 10


def test_failures_teach_nothing_and_end_nothing() -> None:
    strategy = made(DigitSpace(10, 3))
    proposals = play(strategy, [1] * 25, lambda a: hidden(a) if a.genes[0] != 1 else math.nan)
    assert len(set(proposals)) == 25


def test_constant_and_huge_values() -> None:
    for value in (0.0, 7.0, 1e12, -1e-12):
        strategy = made(DigitSpace(8, 3))
        assert len(set(play(strategy, [12, 2, 2], lambda arch, v=value: v))) == 16


def test_a_minimised_objective_and_a_maximised_cost() -> None:
    gain = Objective("gain", "max", known=lambda arch: 20.0 - cost(arch))
    loss = Objective("loss", "min")
    strategy = make_strategy("ehvi", DigitSpace(10, 3), (loss, gain), (), 0, **QUICK)
    archs = []
    for _ in range(12):
        batch = strategy.ask(3)
        strategy.tell(batch, [[-hidden(a), 20.0 - cost(a)] for a in batch])
        archs += batch
    plain = play(made(DigitSpace(10, 3)), [3] * 12, hidden)
    assert volume(archs) == pytest.approx(volume(plain), rel=0.05)


def test_every_device_has_its_front() -> None:
    space = DigitSpace(10, 3)
    late = Objective("late", "min", known=lambda a: float(sum(map(int, a.genes[5:]))))
    early = Objective("early", "min", known=lambda a: float(sum(map(int, a.genes[:5]))))
    bounds = AnyOf((Constraint("late", 4.0), Constraint("early", 4.0)))
    strategy = make_strategy("ehvi", space, (late, early, QUALITY), (bounds,), 0, **QUICK)
    archs: list[Architecture] = []
    for _ in range(10):
        batch = strategy.ask(4)
        strategy.tell(batch, [[late.value(a), early.value(a), quality(a)] for a in batch])
        archs += batch
    assert all(late.value(a) <= 4.0 or early.value(a) <= 4.0 for a in archs)
    for goal in (late, early):
        values = [[goal.value(a), quality(a)] for a in archs]
        every = [[goal.value(a), quality(a)] for a in space.enumerate()]
        shares = [hypervolume(v, (goal, QUALITY), (4.1, 0.0)) for v in (values, every)]
        assert shares[0] > 0.9 * shares[1]


@pytest.mark.parametrize(
    "goals", [(QUALITY,), (COST,), (COST, QUALITY, Objective("other", "max"))]
)
def test_other_objectives_are_refused(goals: tuple[Objective, ...]) -> None:
    with pytest.raises(ObjectiveError, match=r"ehvi models one objective .* take nsga2"):
        make_strategy("ehvi", DigitSpace(), goals)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"initial": 0}, "initial must be an integer of at least 1"),
        ({"exploration": 2.0}, r"exploration must lie in \[0, 1\]"),
        ({"candidates": 0}, "candidates must be an integer of at least 1"),
        ({"process_limit": 3}, "process_limit must be an integer of at least 4"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        make_strategy("ehvi", DigitSpace(), GOALS, **options)
    with pytest.raises(StrategyError, match="takes EhviOptions"):
        EhviStrategy(DigitSpace(), GOALS, options=StrategyOptions())


# --- parts of evaluations


def test_what_parts_told_is_learned_but_is_no_result() -> None:
    """A part tells the same on a scale of its own; the model then knows what it never saw."""
    space, errors = DigitSpace(10, 3), []
    rng = np.random.default_rng(0)
    others = [space.sample(rng) for _ in range(100)]
    for heard in (False, True):
        strategy = made(space, exploration=1.0)
        whole = play(strategy, [8], hidden)
        paused = strategy.ask(40)
        if heard:
            for arch in (*whole, *paused):
                strategy.tell_part(arch, 0.1, (cost(arch), 0.5 * hidden(arch) - 10.0))
        assert (len(strategy.told), len(strategy.pending)) == (8, 40)
        beliefs = strategy._beliefs
        means, _ = beliefs.model().predict(beliefs.table(others), beliefs.table([]))
        errors.append(np.abs(-means - [hidden(arch) for arch in others]).mean())
    assert errors[1] < 0.7 * errors[0]


# --- resuming


def run(folder: Path, stop_at: int | None = None, evals: int = 30) -> SearchResult:
    """Search, or die at an evaluation."""
    count = 0

    def evaluate(arch: Architecture) -> float:
        nonlocal count
        count += 1
        if stop_at is not None and count > stop_at:
            raise KeyboardInterrupt
        return hidden(arch)

    return run_search(
        DigitSpace(10, 3),
        "ehvi",
        CallableEvaluator(evaluate, objective="quality"),
        GOALS,
        (Constraint("cost", 15.0),),
        evals=evals,
        out_dir=folder,
        seed=2,
        resume=True,
        batch_size=4,
        options=QUICK,
    )


def story(result: SearchResult) -> list[tuple[Any, ...]]:
    return [(e.index, e.code, e.status, e.values) for e in result.history]


def test_a_disturbed_run_becomes_the_undisturbed_one(tmp_path: Path) -> None:
    undisturbed = run(tmp_path / "undisturbed")
    for stop_at in (3, 9, 10):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "disturbed", stop_at)
    assert story(run(tmp_path / "disturbed")) == story(undisturbed)


def test_resuming_fits_no_model_of_the_past(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = run(tmp_path / "longer", evals=32)
    run(tmp_path / "run", evals=28)
    fits: list[int] = []
    original = Chain.model

    def noted(self: Chain, levels: Sequence[Level]) -> Surrogate:
        fits.append(len(levels[-1].values))
        return original(self, levels)

    monkeypatch.setattr(Chain, "model", noted)
    assert story(run(tmp_path / "run", evals=32)) == story(longer)
    assert fits == [28]


def test_recorded_proposals_that_are_impossible_now_are_asked_again() -> None:
    space, bound = DigitSpace(10, 3), Constraint("cost", 5.0)
    strategy = make_strategy("ehvi", space, GOALS, (bound,), **QUICK)
    broken = [space.decode("2222222222")]
    assert strategy.replay(1, broken) != broken
    fine = [space.decode("1000000000")]
    assert strategy.replay(1, fine) == fine
    assert strategy.pending[-1] == fine[0]
    assert strategy.replay(1, fine) != fine  # known already
