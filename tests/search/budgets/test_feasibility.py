"""The fastest architecture: exact where it can be, bounded always, quick."""

import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, strategies as st

from search import (
    AnyOf,
    Constraint,
    ConstraintSet,
    InfeasibleBudgetError,
    Objective,
    ObjectiveError,
    fastest,
    require_feasible,
)
from search.budgets.descent import descend
from search.spaces.digits import DigitSpace
from search.spaces.listing import all_architectures
from searchspaces import Architecture

RNG = np.random.default_rng


class OpaqueSpace(DigitSpace):
    """A space that tells neither its genes' values nor its members."""

    gene_choices = None  # type: ignore[assignment]
    enumerate = None  # type: ignore[assignment]

    def sample(self, rng: np.random.Generator) -> Architecture:
        return self._architecture(rng.integers(self.base, size=self.positions))


class CountedCalls:
    """A known objective that counts how often it is computed."""

    def __init__(self, costs: Sequence[Sequence[float]]) -> None:
        self.costs = costs
        self.calls = 0

    def __call__(self, arch: Architecture) -> float:
        self.calls += 1
        return sum(row[int(gene)] for row, gene in zip(self.costs, arch.genes, strict=True))


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(2, 4))
def test_coordinate_descent_is_exact_for_sums(seed: int, positions: int, base: int) -> None:
    costs = CountedCalls(RNG(seed).normal(size=(positions, base)).tolist())
    space = DigitSpace(positions, base)
    arch, value = fastest(space, costs, RNG(seed))
    assert value == pytest.approx(sum(map(min, costs.costs)), abs=1e-9)
    assert costs(arch) == value
    assert costs.calls <= 701


def test_small_spaces_are_minimised_exactly_whatever_the_value() -> None:
    space = DigitSpace(5, 3)
    values = dict(zip(space.enumerate(), RNG(1).permutation(space.size).tolist(), strict=True))
    arch, value = fastest(space, values.__getitem__, RNG(0))
    assert value == 0
    assert values[arch] == 0


def test_spaces_that_tell_nothing_are_descended_by_mutation() -> None:
    costs = CountedCalls([[2.0, 1.0, 0.0]] * 8)
    _, value = fastest(OpaqueSpace(8, 3), costs, RNG(0), max_calls=600)
    assert value <= 2.0  # of 16; most of the way down
    assert costs.calls <= 600


@pytest.mark.parametrize("space", [DigitSpace(40, 4), OpaqueSpace(40, 4)])
@pytest.mark.parametrize("max_calls", [1, 5, 20])
def test_calls_are_bounded(space: DigitSpace, max_calls: int) -> None:
    costs = CountedCalls([[3.0, 2.0, 1.0, 0.0]] * 40)
    fastest(space, costs, RNG(0), max_calls=max_calls)
    assert costs.calls == max_calls


def test_descent_stops_at_the_target() -> None:
    costs = CountedCalls([[3.0, 2.0, 1.0, 0.0]] * 40)
    _, value = fastest(DigitSpace(40, 4), costs, RNG(0), stop_at=1e9)
    assert costs.calls == 1
    assert value > 0


def test_descent_starts_where_it_is_told() -> None:
    space = DigitSpace(6, 3)
    arch, value = descend(space, space.decode("222222"), lambda a: float(a.genes[0]), RNG(0))
    assert arch.genes == (0, 2, 2, 2, 2, 2)
    assert value == 0.0


def test_invalid_siblings_are_not_tried() -> None:
    class EvenSpace(DigitSpace):
        def is_valid(self, arch: Architecture) -> bool:
            return super().is_valid(arch) and arch.genes[0] != 0

    space = EvenSpace(12, 3)
    start = space.decode("222222222222"[:12])
    arch, _ = descend(space, start, lambda a: float(sum(map(int, a.genes))), RNG(0))
    assert arch.genes == (1,) + (0,) * 11


def test_meaningless_arguments_and_values_are_refused() -> None:
    with pytest.raises(ObjectiveError, match="at least 1, got 0"):
        fastest(DigitSpace(), lambda arch: 1.0, RNG(0), max_calls=0)
    with pytest.raises(ObjectiveError, match="nan"):
        fastest(DigitSpace(), lambda arch: float("nan"), RNG(0))


def test_infeasible_budget_is_told_at_once() -> None:
    def slow(arch: Architecture) -> float:  # a predictor's millisecond, 40 blocks of 4 choices
        time.sleep(0.001)
        return 0.1 + 0.5 * sum(map(int, arch.genes))

    space = DigitSpace(40, 4)
    goals = (Objective("latency_ms", "min", "ms", known=slow), Objective("ap", "max"))
    begin = time.perf_counter()
    with pytest.raises(InfeasibleBudgetError) as caught:
        require_feasible(space, ConstraintSet([Constraint("latency_ms", 0.05)], goals), RNG(0))
    assert time.perf_counter() - begin < 1.0
    error = caught.value
    assert str(error) == (
        f"nothing in digits keeps latency_ms <= 0.05 ms; the fastest is {'0' * 40} "
        "with latency_ms 0.1 ms; raise the budget"
    )
    assert (error.objective, error.budget, error.fastest) == ("latency_ms", 0.05, 0.1)
    assert space.decode(error.code) == error.architecture
    assert error.exact


def test_infeasible_at_a_confidence_says_so() -> None:
    goal = Objective("ms", "min", "ms", lambda arch: 1.0, lambda arch, p: 1.0 + p)
    bounds = ConstraintSet([Constraint("ms", 1.5, confidence=0.75)], [goal])
    with pytest.raises(InfeasibleBudgetError, match=r"1.5 ms at 0.75 confidence.* ms 1.75 ms"):
        require_feasible(DigitSpace(), bounds, RNG(0))


def test_constraints_that_exclude_each_other_are_infeasible() -> None:
    goals = (
        Objective("ones", "min", known=lambda arch: float(arch.genes.count(1))),
        Objective("others", "min", known=lambda arch: 5.0 - arch.genes.count(1)),
    )
    bounds = ConstraintSet([Constraint("ones", 2.0), Constraint("others", 2.0)], goals)
    with pytest.raises(InfeasibleBudgetError, match="ones <= 2 and others <= 2 together"):
        require_feasible(DigitSpace(5, 2), bounds, RNG(0))


def test_witness_keeps_all_constraints() -> None:
    goals = (
        Objective("ones", "min", known=lambda arch: float(arch.genes.count(1))),
        Objective("others", "min", known=lambda arch: 40.0 - arch.genes.count(1)),
    )
    bounds = ConstraintSet([Constraint("ones", 21.0), Constraint("others", 20.0)], goals)
    witness = require_feasible(DigitSpace(40, 2), bounds, RNG(0))
    assert witness is not None
    assert bounds.satisfied(witness)
    assert require_feasible(DigitSpace(), ConstraintSet([], goals), RNG(0)) is None


def test_one_feasible_alternative_is_enough() -> None:
    goals = (
        Objective("ones", "min", "ms", known=lambda arch: 3.0 + arch.genes.count(1)),
        Objective("others", "min", "ms", known=lambda arch: 46.0 - arch.genes.count(1)),
    )
    space = DigitSpace(40, 2)
    either = AnyOf((Constraint("ones", 1.0), Constraint("others", 6.0)))
    witness = require_feasible(space, ConstraintSet([either], goals), RNG(0))
    assert witness is not None
    assert witness.genes == (1,) * 40
    neither = AnyOf((Constraint("ones", 1.0), Constraint("others", 5.0)))
    with pytest.raises(InfeasibleBudgetError) as caught:
        require_feasible(space, ConstraintSet([neither], goals), RNG(0))
    assert str(caught.value) == (
        "nothing in digits keeps (ones <= 1 ms or others <= 5 ms); the fastest is "
        f"{'1' * 40} with others 6 ms; raise the budget"
    )


def test_listing_a_space() -> None:
    class Unlisted(DigitSpace):
        enumerate = None  # type: ignore[assignment]

    listed = all_architectures(DigitSpace(3, 2), 8)
    by_genes = all_architectures(Unlisted(3, 2), 8)
    assert listed is not None
    assert by_genes is not None
    assert list(listed) == list(by_genes)
    assert all_architectures(DigitSpace(3, 2), 7) is None
    assert all_architectures(OpaqueSpace(3, 2), 8) is None
