"""What an exhaustive run may claim."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search import (
    CallableEvaluator,
    Constraint,
    SearchResult,
    describe_result,
    load_result,
    optimality_of,
    run_search,
)
from search.conformance import COST, GOALS, quality
from search.spaces.digits import DigitSpace
from searchspaces import Architecture

SPACE = DigitSpace(3, 3)


def search(out_dir: Path, **changes: Any) -> SearchResult:
    usual: dict[str, Any] = {
        "space": SPACE,
        "strategy": "crnas-stage",
        "evaluator": CallableEvaluator(quality, "quality"),
        "objectives": GOALS,
        "evals": 99,
        "seed": 5,
    }
    return run_search(**usual | changes, out_dir=out_dir)


def test_the_best_of_all_is_proven(tmp_path: Path) -> None:
    result = search(tmp_path / "run")
    found = optimality_of(result)
    assert found is not None
    assert found.proven
    assert (found.eligible, found.evaluated, found.best, found.value) == (27, 27, "222", 12.0)
    assert found.statement == (
        "all 27 eligible codes evaluated: 222 is the best of them under this evaluator "
        "(quality 12)"
    )
    assert result.complete
    assert describe_result(result)["optimality"] == found.statement
    assert optimality_of(load_result(result.folder)) == found


def test_an_unfinished_run_says_how_far_it_is(tmp_path: Path) -> None:
    found = optimality_of(search(tmp_path / "run", evals=10))
    assert found is not None
    assert not found.proven
    assert found.statement.startswith("10 of 27 eligible codes evaluated so far: ")
    assert "is the best of them" in found.statement


def test_failures_are_no_proof(tmp_path: Path) -> None:
    def fails(arch: Architecture) -> float:
        if arch.genes[0] == 2:
            raise ValueError("no")
        return quality(arch)

    found = optimality_of(search(tmp_path / "run", evaluator=CallableEvaluator(fails, "quality")))
    assert found is not None
    assert not found.proven
    assert found.statement.startswith("18 of 27 eligible codes evaluated, 9 failed: 122 is the")
    nothing = replace(found, evaluated=0, failed=27, best=None, value=None)
    assert nothing.statement == "0 of 27 eligible codes evaluated, 27 failed: none has a value"


def test_eligible_is_what_keeps_the_constraints(tmp_path: Path) -> None:
    result = search(tmp_path / "run", constraints=(Constraint("cost", 2.0),))
    found = optimality_of(result)
    assert found is not None
    assert (found.eligible, found.best, found.proven) == (10, "002", True)


def test_without_an_evaluated_objective_the_first_is_compared(tmp_path: Path) -> None:
    found = optimality_of(search(tmp_path / "run", objectives=(COST,)))
    assert found is not None
    assert (found.best, found.objective) == ("000", "cost")


@pytest.mark.parametrize("strategy", ["random", "crnas-greedy"])
def test_other_strategies_claim_nothing(tmp_path: Path, strategy: str) -> None:
    evaluator = CallableEvaluator(lambda arch: 1.0, "quality")
    result = search(tmp_path / "run", strategy=strategy, evaluator=evaluator, evals=5)
    assert optimality_of(result) is None
    assert describe_result(result)["optimality"] is None
