"""Constrained domination and crowding, against their definitions."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from search.fronts.survival import constrained_ranks, crowding, survivors

small = st.integers(0, 4).map(float)
tables = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, (n, 3), elements=small),
        arrays(np.float64, n, elements=st.sampled_from([-1.0, 0.0, 0.5, 2.0])),
    )
)


def dominates(a: int, b: int, costs: np.ndarray, excess: np.ndarray) -> bool:
    """Definition 1 of the paper, word by word."""
    if excess[a] <= 0.0 < excess[b]:
        return True
    if excess[a] > 0.0:
        return bool(excess[b] > 0.0 and excess[a] < excess[b])
    return bool((costs[a] <= costs[b]).all() and (costs[a] < costs[b]).any())


def peeled(costs: np.ndarray, excess: np.ndarray) -> list[int]:
    """Take away what nothing dominates, again and again."""
    ranks, left, rank = [-1] * len(costs), set(range(len(costs))), 0
    while left:
        front = {b for b in left if not any(dominates(a, b, costs, excess) for a in left)}
        for row in front:
            ranks[row] = rank
        left, rank = left - front, rank + 1
    return ranks


@given(tables)
def test_ranks_are_those_of_peeling_fronts_off(table: tuple[np.ndarray, np.ndarray]) -> None:
    assert constrained_ranks(*table).tolist() == peeled(*table)


def test_failures_come_last() -> None:
    costs = np.array([[np.nan, 1.0], [1.0, 1.0], [2.0, 2.0], [0.0, 0.0]])
    assert constrained_ranks(costs, np.array([0.0, 0.0, 0.0, 3.0])).tolist() == [3, 0, 1, 2]
    assert constrained_ranks(np.zeros((0, 2)), np.zeros(0)).tolist() == []


def test_crowding_is_the_papers() -> None:
    costs = np.array([[0.0, 10.0], [1.0, 6.0], [3.0, 5.0], [4.0, 0.0]])
    # (3 - 0) / 4 + (10 - 5) / 10 and (4 - 1) / 4 + (6 - 0) / 10
    assert crowding(costs).tolist() == pytest.approx([np.inf, 1.25, 1.35, np.inf])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_crowding_of_few(count: int) -> None:
    assert crowding(np.arange(2.0 * count).reshape(count, 2)).shape == (count,)


def test_an_objective_without_range_adds_nothing() -> None:
    costs = np.array([[0.0, 7.0], [1.0, 7.0], [2.0, 7.0]])
    assert crowding(costs).tolist() == [np.inf, 1.0, np.inf]
    assert crowding(np.ones((3, 2))).tolist() == [0.0, 0.0, 0.0]


def test_survivors_are_the_best_fronts_then_the_loneliest() -> None:
    costs = np.array([[0.0, 4.0], [1.0, 3.0], [1.1, 2.9], [4.0, 0.0], [5.0, 5.0]])
    chosen = survivors(costs, np.zeros(5), 3)
    assert [row for row, _, _ in chosen] == [0, 3, 2]
    assert [rank for _, rank, _ in survivors(costs, np.zeros(5), 9)] == [0, 0, 0, 0, 1]


@given(tables, st.integers(1, 12))
def test_survivors_are_ordered_by_rank(table: tuple[np.ndarray, np.ndarray], count: int) -> None:
    costs, excess = table
    chosen = survivors(costs, excess, count)
    assert len(chosen) == min(count, len(costs))
    ranks = constrained_ranks(costs, excess)
    assert [rank for _, rank, _ in chosen] == sorted(ranks.tolist())[: len(chosen)]
