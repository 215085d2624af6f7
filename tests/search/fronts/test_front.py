"""The Pareto front: order, ties, duplicates, budgets."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from search import FrontError, Objective, ObjectiveError, ParetoFront
from searchspaces import Architecture

MS = Objective("latency_ms", "min", "ms", known=lambda arch: 1.0)
AP = Objective("ap", "max", "AP")


def archs(n: int) -> list[Architecture]:
    return [Architecture("toy", (i,)) for i in range(n)]


def members(front: ParetoFront) -> list[int | str]:
    return [architecture.genes[0] for architecture in front.architectures]


def test_points_are_ordered_by_the_first_objective() -> None:
    front = ParetoFront.of((MS, AP), archs(4), [[30, 42], [10, 30], [20, 40], [25, 39]])
    assert members(front) == [1, 2, 0]
    assert front.values.tolist() == [[10, 30], [20, 40], [30, 42]]
    best_first = ParetoFront.of((AP, MS), archs(3), [[30, 10], [42, 30], [40, 20]])
    assert members(best_first) == [1, 2, 0]


def test_different_architectures_with_equal_values_are_all_kept() -> None:
    front = ParetoFront.of((MS, AP), archs(3), [[10, 30], [10, 30], [10, 29]])
    assert members(front) == [0, 1]


def test_an_architecture_given_twice_is_kept_once() -> None:
    a, b = archs(2)
    front = ParetoFront.of((MS, AP), [a, b, a], [[10, 30], [20, 40], [10, 30]])
    assert front.architectures == (a, b)


def test_failed_evaluations_never_enter() -> None:
    rows = [[10.0, math.nan], [math.nan, math.nan], [10.0, math.inf], [20.0, 30.0]]
    assert members(ParetoFront.of((MS, AP), archs(4), rows)) == [3]
    assert len(ParetoFront.of((MS, AP), archs(1), [[math.nan, 1]])) == 0


def test_within_takes_the_known_minimised_objective() -> None:
    loss = Objective("loss", "min")
    front = ParetoFront.of((loss, MS), archs(3), [[1, 30], [2, 20], [3, 10]])
    assert members(front.within(20)) == [1, 2]
    assert members(front.within(2, "loss")) == [0, 1]
    without_known = ParetoFront.of((loss, Objective("ms", "min")), archs(2), [[1, 30], [2, 20]])
    assert members(without_known.within(1)) == [0]


def test_within_a_maximised_objective_is_a_lower_bound() -> None:
    front = ParetoFront.of((MS, AP), archs(3), [[10, 30], [20, 40], [30, 42]])
    assert members(front.within(40, "ap")) == [1, 2]


def test_best_is_the_most_accurate_within() -> None:
    front = ParetoFront.of((MS, AP), archs(3), [[10, 30], [20, 40], [30, 42]])
    assert front.best().values == (30, 42)
    assert front.within(29.9).best().values == (20, 40)
    assert front.best("latency_ms").values == (10, 30)
    only_known = ParetoFront.of((MS,), archs(2), [[2], [1]])
    assert only_known.best().values == (1,)


def test_questions_without_answer_are_errors() -> None:
    front = ParetoFront.of((MS, AP), archs(1), [[10, 30]])
    with pytest.raises(FrontError, match="the front is empty"):
        front.within(9).best()
    with pytest.raises(FrontError, match="nan"):
        front.within(math.nan)
    with pytest.raises(ObjectiveError, match="'mb'; there are 'latency_ms', 'ap'"):
        front.within(9, "mb")
    with pytest.raises(FrontError, match="no objective is minimised"):
        ParetoFront.of((AP,), archs(1), [[10]]).within(9)
    with pytest.raises(FrontError, match="2 architectures and 1 rows"):
        ParetoFront.of((MS, AP), archs(2), [[10, 30]])


def test_empty_front() -> None:
    front = ParetoFront.of((MS, AP), [], [])
    assert front.values.shape == (0, 2)
    assert front.hypervolume((1, 0)) == 0.0
    assert len(front.within(5)) == 0


@given(st.integers(0, 2**32 - 1), st.floats(0, 8))
def test_front_within_a_budget_is_the_front_of_what_keeps_it(seed: int, budget: float) -> None:
    values = np.random.default_rng(seed).integers(0, 8, (25, 2)).astype(float)
    everything = ParetoFront.of((MS, AP), archs(25), values)
    kept = values[:, 0] <= budget
    some = ParetoFront.of(
        (MS, AP), [a for a, keep in zip(archs(25), kept, strict=True) if keep], values[kept]
    )
    assert everything.within(budget) == some
    assert everything.hypervolume((9, -1)) >= some.hypervolume((9, -1))
