"""Dominance and hypervolume against brute force."""

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st

from search import Objective, ObjectiveError, hypervolume, nondominated

MS_AP = (Objective("ms", "min"), Objective("ap", "max"))
THREE = (Objective("ms", "min"), Objective("ap", "max"), Objective("mb", "min"))


def dominates(a: npt.ArrayLike, b: npt.ArrayLike, signs: npt.ArrayLike) -> bool:
    """The definition, one pair at a time."""
    difference = (np.asarray(a) - np.asarray(b)) * np.asarray(signs)
    return bool((difference <= 0).all() and (difference < 0).any())


def brute_force_volume(
    rows: list[list[float]], corner: tuple[float, ...], signs: list[int]
) -> int:
    """Count the unit cells of an integer grid that some row dominates."""
    costs = [[int(sign * value) for sign, value in zip(signs, row, strict=True)] for row in rows]
    far = [int(sign * value) for sign, value in zip(signs, corner, strict=True)]
    near = [min([c[k] for c in costs] + [far[k]]) for k in range(len(far))]
    cells = itertools.product(*(range(n, f) for n, f in zip(near, far, strict=True)))
    return sum(any(covers(row, cell) for row in costs) for cell in cells)


def covers(row: list[int], cell: tuple[int, ...]) -> bool:
    return all(cost <= place for cost, place in zip(row, cell, strict=True))


grids = st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=3), max_size=12)


@given(grids)
def test_nondominated_is_the_definition(rows: list[list[float]]) -> None:
    signs = [goal.sign for goal in THREE]
    expected = [not any(dominates(other, row, signs) for other in rows) for row in rows]
    assert nondominated(rows, THREE).tolist() == expected


@given(grids)
def test_hypervolume_counts_cells(rows: list[list[float]]) -> None:
    corner, signs = (7.0, -1.0, 5.0), [1, -1, 1]
    inside = [row for row in rows if row[2] < 5]
    expected = brute_force_volume(inside, corner, signs)
    assert hypervolume(rows, THREE, corner) == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_hypervolume_in_two_dimensions_is_a_staircase(seed: int) -> None:
    rows = np.random.default_rng(seed).random((30, 2))
    area, right = 0.0, 1.0
    for ms, _ in sorted(rows.tolist(), reverse=True):  # from slow to fast: strips to the right
        area += (right - ms) * max(ap for other, ap in rows if other <= ms)
        right = ms
    assert hypervolume(rows, MS_AP, (1.0, 0.0)) == pytest.approx(area, abs=1e-12)


def test_equal_rows_stay_together() -> None:
    assert nondominated([[1, 2], [1, 2], [2, 2]], MS_AP).tolist() == [True, True, False]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_rows_that_are_not_finite_neither_enter_nor_dominate(bad: float) -> None:
    assert nondominated([[bad, 99.0], [1.0, 2.0], [0.0, bad]], MS_AP).tolist() == [
        False,
        True,
        False,
    ]
    assert hypervolume([[bad, 99.0], [1.0, 2.0]], MS_AP, (2, 0)) == 2.0


def test_nothing_has_no_front_and_no_volume() -> None:
    assert nondominated([], MS_AP).tolist() == []
    assert nondominated([[math.nan, math.nan]], MS_AP).tolist() == [False]
    assert hypervolume([], MS_AP, (1, 0)) == 0.0


def test_rows_on_or_beyond_the_reference_add_nothing() -> None:
    assert hypervolume([[2, 5], [3, 9], [1, 0]], MS_AP, (2, 0)) == 0.0


def test_one_objective() -> None:
    ap = (Objective("ap", "max"),)
    assert nondominated([[1], [3], [3]], ap).tolist() == [False, True, True]
    assert hypervolume([[1], [3]], ap, (0,)) == 3.0


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ObjectiveError, match=r"\(n, 2\), one column per objective"):
        nondominated([[1, 2, 3]], MS_AP)
    with pytest.raises(ObjectiveError, match=r"\(n, 2\)"):
        nondominated([1, 2], MS_AP)
    with pytest.raises(ObjectiveError, match=r"\(n, 2\)"):
        hypervolume([[1, 2]], MS_AP, (1,))
    with pytest.raises(ObjectiveError, match="finite"):
        hypervolume([[1, 2]], MS_AP, (math.inf, 0))
