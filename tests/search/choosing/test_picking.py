"""Members of a front by levels of cost."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from search import (
    CallableEvaluator,
    FrontError,
    Objective,
    RunError,
    SearchResult,
    parse_picks,
    pick_levels,
    run_search,
)
from search.choosing.picking import _levels, _nearest, describe_picks
from search.spaces.digits import DigitSpace
from searchspaces import Architecture

SPACE = DigitSpace(4, 3)


def value(arch: Architecture) -> float:
    return float(int(SPACE.encode(arch), 3))


def searched(folder: Path, power: float, evals: int = 81) -> SearchResult:
    """Every code of four digits below 3 is on the front, at costs of ``(1 + code) ** power``."""
    goals = (
        Objective("latency_ms", "min", "ms", known=lambda arch: (1 + value(arch)) ** power),
        Objective("ap", "max"),
    )
    evaluator = CallableEvaluator(value, "ap")
    return run_search(SPACE, "random", evaluator, goals, evals=evals, out_dir=folder)


def test_levels_stand_in_equal_ratios(tmp_path: Path) -> None:
    picks = pick_levels(searched(tmp_path, 1.0), 5)
    assert [pick.name for pick in picks] == ["C0", "C1", "C2", "C3", "C4"]
    assert [pick.level for pick in picks] == pytest.approx([1, 3, 9, 27, 81])
    assert [pick.point.values[0] for pick in picks] == [1, 3, 9, 27, 81]
    assert [pick.code for pick in picks] == ["0000", "0002", "0022", "0222", "2222"]


def test_rows_name_everything(tmp_path: Path) -> None:
    result = searched(tmp_path, 1.0)
    rows = describe_picks(result, pick_levels(result, 2))
    assert rows == [
        {"pick": "C0", "arch": "digits:0000", "latency_ms": 1.0, "ap": 0.0, "level": 1.0},
        {"pick": "C1", "arch": "digits:2222", "latency_ms": 81.0, "ap": 80.0, "level": 81.0},
    ]


def test_as_many_as_there_are_takes_the_whole_front(tmp_path: Path) -> None:
    result = searched(tmp_path, 2.0, evals=7)
    picks = pick_levels(result, 7)
    assert [pick.point for pick in picks] == list(result.front)
    with pytest.raises(FrontError, match="holds 7 with different values, so that 8 cannot"):
        pick_levels(result, 8)


def test_equal_values_are_picked_once(tmp_path: Path) -> None:
    goals = (Objective("latency_ms", "min", known=lambda arch: 1.0), Objective("ap", "max"))
    evaluator = CallableEvaluator(lambda arch: {"ap": 1.0})
    result = run_search(SPACE, "random", evaluator, goals, evals=5, out_dir=tmp_path)
    assert len(result.front) == 5
    with pytest.raises(FrontError, match="holds 1 with different values"):
        pick_levels(result, 2)


def test_a_cost_of_zero_makes_levels_in_equal_steps(tmp_path: Path) -> None:
    goals = (Objective("cost", "min", known=value), Objective("ap", "max"))
    evaluator = CallableEvaluator(value, "ap")
    result = run_search(SPACE, "random", evaluator, goals, evals=81, out_dir=tmp_path)
    assert [pick.level for pick in pick_levels(result, 5)] == [0, 20, 40, 60, 80]


def test_a_run_without_cost_is_refused(tmp_path: Path) -> None:
    evaluator = CallableEvaluator(value, "ap")
    goals = (Objective("ap", "max"),)
    result = run_search(SPACE, "random", evaluator, goals, evals=5, out_dir=tmp_path)
    with pytest.raises(FrontError, match="is a cost to pick by"):
        pick_levels(result)
    with pytest.raises(RunError, match="at least 2 are picked"):
        pick_levels(result, 1)


@settings(max_examples=30)
@given(
    st.lists(st.floats(0.1, 1000), min_size=3, max_size=7, unique=True),
    st.integers(2, 3),
)
def test_picks_are_together_as_near_their_levels_as_can_be(costs: list[float], count: int) -> None:
    ordered = np.sort(np.array(costs))
    levels = _levels(ordered, count)
    rows = _nearest(ordered, levels)
    assert rows == sorted(set(rows))

    def distance(chosen: tuple[int, ...]) -> float:
        return float(np.abs(np.log(ordered[list(chosen)]) - np.log(levels)).sum())

    best = min(distance(chosen) for chosen in combinations(range(len(costs)), count))
    assert distance(tuple(rows)) == pytest.approx(best)


@pytest.mark.parametrize(("text", "count"), [("C0..C5", 6), ("C0..C1", 2), ("6", 6), ("12", 12)])
def test_picks_are_read(text: str, count: int) -> None:
    assert parse_picks(text) == count


@pytest.mark.parametrize(
    "text", ["", "C5", "C1..C5", "C0-C5", "C0..C", "C0..C0", "1", "0", "-3", "1001", "9" * 30, "٣"]
)
def test_other_texts_are_no_picks(text: str) -> None:
    with pytest.raises(RunError, match=r"C0\.\.C5"):
        parse_picks(text)
