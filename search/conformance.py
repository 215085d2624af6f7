"""Tests that every strategy must pass; they need pytest.

Some are whole runs: what passes goes through ``run_search``, with cheap evaluations first, too.

Example, in ``test_mine.py``::

    class TestMine(StrategyConformance):
        def make(self, space, objectives, constraints=(), seed=0):
            return MyStrategy(space, objectives, constraints, seed)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from searchspaces import Architecture

from .errors import InfeasibleBudgetError, SpaceExhaustedError, StrategyError
from .evaluators import Budget
from .fidelity import Fidelity
from .objectives.objective import Constraint, Objective
from .running import SearchResult, run_search
from .spaces.digits import DigitSpace
from .strategies import Strategy


def cost(architecture: Architecture) -> float:
    """Return the sum of the digits: the known objective of these tests."""
    return float(sum(int(gene) for gene in architecture.genes))


def quality(architecture: Architecture) -> float:
    """Return a weighted sum of the digits: the objective that is evaluated."""
    weighted = (place * int(gene) for place, gene in enumerate(architecture.genes, start=1))
    return float(sum(weighted))


COST = Objective("cost", "min", known=cost)
QUALITY = Objective("quality", "max")
GOALS = (COST, QUALITY)
RUNGS = Fidelity((0.1, 0.3, 1.0), audit=0.2)
RUNG_EVALS = 18


def play(
    strategy: Strategy,
    asks: Sequence[int],
    evaluate: Callable[[Architecture], float] = quality,
    *,
    one_by_one: bool = False,
) -> list[Architecture]:
    """Ask and tell batch by batch, and return all proposals."""
    proposals = []
    for n in asks:
        batch = strategy.ask(n)
        rows = [[cost(architecture), evaluate(architecture)] for architecture in batch]
        if one_by_one:
            for architecture, row in zip(batch, rows, strict=True):
                strategy.tell([architecture], [row])
        else:
            strategy.tell(batch, rows)
        proposals += batch
    return proposals


class Graded:
    """Evaluate by parts, too: a part of an evaluation tells that part of the quality."""

    graded = "parts"

    def evaluate(
        self, architecture: Architecture, budget: Budget | None = None
    ) -> dict[str, float]:
        """Return the share of the quality that the budget asks for."""
        share = 1.0 if budget is None or budget.share is None else budget.share
        return {QUALITY.name: share * quality(architecture)}


class StrategyConformance(ABC):
    """What the contract of ``Strategy`` promises, as tests; subclasses say how to make one."""

    @abstractmethod
    def make(
        self,
        space: DigitSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint] = (),
        seed: int = 0,
    ) -> Strategy:
        """Make the strategy under test."""

    def test_proposes_as_many_valid_architectures_as_asked(self) -> None:
        """A batch has its size, and every member is in the space."""
        space = DigitSpace()
        batch = self.make(space, GOALS).ask(7)
        assert len(batch) == 7
        assert all(space.is_valid(architecture) for architecture in batch)

    def test_never_proposes_twice_and_ends_with_the_space(self) -> None:
        """Every proposal is new; the exhausted space is an error, not a loop."""
        space = DigitSpace(4, 2)
        strategy = self.make(space, GOALS)
        proposals: list[Architecture] = []
        with pytest.raises(SpaceExhaustedError) as caught:
            _exhaust(strategy, proposals, calls=space.size + 1)
        assert caught.value.proposed == len(proposals)
        assert len(set(proposals)) == len(proposals) == space.size

    def test_keeps_a_tight_constraint(self) -> None:
        """Where 6 of 59,049 architectures are allowed, those are found."""
        constraint = Constraint("cost", 1.0)
        strategy = self.make(DigitSpace(10, 3), GOALS, (constraint,))
        proposals = play(strategy, [1, 2, 3])
        assert max(map(cost, proposals)) <= constraint.upper
        assert len(set(proposals)) == 6

    def test_names_the_fastest_when_nothing_keeps_the_budget(self) -> None:
        """An impossible budget is an error with the smallest value and its architecture."""
        with pytest.raises(InfeasibleBudgetError) as caught:
            self.make(DigitSpace(), GOALS, (Constraint("cost", -1.0),)).ask(1)
        assert (caught.value.fastest, caught.value.budget) == (0.0, -1.0)
        assert caught.value.code == "00000"

    def test_equal_seeds_give_equal_proposals(self) -> None:
        """Replaying a history reproduces it; another seed does not."""
        asks = [5, 1, 8, 3, 8, 8]
        first = play(self.make(DigitSpace(), GOALS, seed=3), asks)
        assert first == play(self.make(DigitSpace(), GOALS, seed=3), asks)
        assert first != play(self.make(DigitSpace(), GOALS, seed=4), asks)

    def test_telling_one_by_one_changes_nothing(self) -> None:
        """A batch may be told at once or in parts."""
        asks = [8, 8, 8]
        at_once = play(self.make(DigitSpace(), GOALS), asks)
        assert at_once == play(self.make(DigitSpace(), GOALS), asks, one_by_one=True)

    def test_leaves_global_randomness_alone(self) -> None:
        """The seed is the only source of randomness."""
        before = np.random.get_state(legacy=False)["state"]["key"].tolist()
        play(self.make(DigitSpace(), GOALS), [10, 10])
        assert before == np.random.get_state(legacy=False)["state"]["key"].tolist()

    def test_goes_on_when_everything_fails(self) -> None:
        """Failed evaluations are told as NaN and do not end the search."""
        strategy = self.make(DigitSpace(), GOALS)
        proposals = play(strategy, [20] * 4, lambda architecture: float("nan"))
        assert len(set(proposals)) == 80

    def test_goes_on_without_results(self) -> None:
        """Results may be pending when more is asked for."""
        strategy = self.make(DigitSpace(), GOALS)
        proposals = [architecture for _ in range(5) for architecture in strategy.ask(12)]
        assert len(set(proposals)) == 60

    def test_refuses_values_of_a_wrong_shape(self) -> None:
        """One column short, one row short, and infinity are errors."""
        strategy = self.make(DigitSpace(), GOALS)
        batch = strategy.ask(2)
        for values in ([[1.0], [2.0]], [[1.0, 2.0]], [[1.0, 2.0], [1.0, float("inf")]]):
            with pytest.raises(StrategyError):
                strategy.tell(batch, values)
        strategy.tell(batch, [[1.0, 2.0], [1.0, 3.0]])

    def test_refuses_to_be_told_twice(self) -> None:
        """One architecture has one result."""
        strategy = self.make(DigitSpace(), GOALS)
        batch = strategy.ask(1)
        strategy.tell(batch, [[1.0, 2.0]])
        with pytest.raises(StrategyError):
            strategy.tell(batch, [[1.0, 2.0]])

    def test_refuses_to_propose_nothing(self) -> None:
        """At least one architecture is asked for."""
        with pytest.raises(StrategyError):
            self.make(DigitSpace(), GOALS).ask(0)

    def test_goes_on_where_most_is_told_in_part_only(self) -> None:
        """What a part of an evaluation told is no result: it stays pending, and may stay so."""
        first, again = (self.make(DigitSpace(), GOALS, seed=5) for _ in range(2))
        proposals = [play_in_part(strategy, [8] * 3) for strategy in (first, again)]
        assert proposals[0] == proposals[1]
        assert len(set(proposals[0])) == 24

    def test_a_run_promotes_from_rung_to_rung(self, tmp_path: Path) -> None:
        """A run of cheap evaluations first comes to its end, and only whole ones are results."""
        if self._is_refused_with_rungs(tmp_path):
            return
        result = self._climb(tmp_path)
        assert result.complete
        whole = [e for e in result.history if e.status == "ok"]
        assert 0 < len(whole) < len(result.history) == RUNG_EVALS
        assert [e.values for e in whole] == [
            (cost(e.architecture), quality(e.architecture)) for e in whole
        ]

    def test_a_run_with_rungs_goes_on_as_if_never_stopped(self, tmp_path: Path) -> None:
        """Stopped in the middle and resumed, it becomes the undisturbed run."""
        if self._is_refused_with_rungs(tmp_path):
            return
        with pytest.raises(KeyboardInterrupt):
            self._climb(tmp_path / "stopped", stop_at=RUNG_EVALS // 2)
        resumed, whole = self._climb(tmp_path / "stopped"), self._climb(tmp_path / "whole")
        assert _story(resumed) == _story(whole)

    def _climb(self, folder: Path, stop_at: int | None = None) -> SearchResult:
        return run_search(
            DigitSpace(6, 3),
            self.make,
            Graded(),
            GOALS,
            evals=RUNG_EVALS,
            out_dir=folder,
            seed=3,
            resume=True,
            fidelity=RUNGS,
            progress=partial(_interrupt, stop_at),
        )

    def _is_refused_with_rungs(self, folder: Path) -> bool:
        """Return whether the strategy needs every result, which is then said before the run."""
        strategy = self.make(DigitSpace(), GOALS)
        if not getattr(strategy, "needs_every_result", False):
            return False
        with pytest.raises(StrategyError, match="needs the result of everything"):
            self._climb(folder / "refused")
        return True


def play_in_part(strategy: Strategy, asks: Sequence[int]) -> list[Architecture]:
    """Ask, report a part of each evaluation, and tell the whole of every third, latest first."""
    proposals = []
    for n in asks:
        batch = strategy.ask(n)
        for architecture in batch:
            values = (cost(architecture), 0.1 * quality(architecture))
            if hasattr(strategy, "tell_part"):
                strategy.tell_part(architecture, 0.1, values)
        for architecture in reversed(batch[::3]):
            strategy.tell([architecture], [[cost(architecture), quality(architecture)]])
        proposals += batch
    return proposals


def _interrupt(stop_at: int | None, message: str, done: float, total: float) -> None:
    if stop_at is not None and done >= stop_at:
        raise KeyboardInterrupt


def _story(result: SearchResult) -> list[tuple[object, ...]]:
    return [
        (e.code, e.status, repr(e.values), [(r.share, r.values, r.promoted) for r in e.rungs])
        for e in result.history
    ]


def _exhaust(strategy: Strategy, proposals: list[Architecture], calls: int) -> None:
    for _ in range(calls):
        proposals += play(strategy, [3])
