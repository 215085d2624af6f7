"""The curve of the best so far, against a loop over the history."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search import (
    BestCurve,
    CallableEvaluator,
    Objective,
    ObjectiveError,
    RunError,
    SearchResult,
    best_curve,
    curves_to_dict,
    run_search,
)
from search.conformance import COST, GOALS, QUALITY, quality
from search.spaces.digits import DigitSpace
from searchspaces import Architecture


def search(out_dir: Path, **changes: Any) -> SearchResult:
    usual: dict[str, Any] = {
        "space": DigitSpace(6, 3),
        "strategy": "random",
        "evaluator": CallableEvaluator(quality, "quality"),
        "objectives": GOALS,
        "evals": 47,
    }
    return run_search(**usual | changes, out_dir=out_dir)


def expected(values: list[float], keep: int, generation: int, sign: float) -> list[float]:
    means = []
    for end in sorted({*range(generation, len(values) + 1, generation), len(values)}):
        finite = sorted((v for v in values[:end] if not np.isnan(v)), key=lambda v: sign * v)
        means.append(float(np.mean(finite[:keep])))
    return means


@pytest.mark.parametrize(("keep", "generation"), [(5, 10), (50, 50), (1, 1), (7, 47), (3, 46)])
def test_it_is_the_mean_of_the_best_so_far(tmp_path: Path, keep: int, generation: int) -> None:
    result = search(tmp_path / "run")
    curve = best_curve(result, keep=keep, generation=generation)
    values = [e.values[1] for e in result.history]
    assert list(curve.mean) == pytest.approx(expected(values, keep, generation, -1.0))
    assert curve.evaluations[-1] == 47
    assert curve.best[-1] == max(values)
    assert curve.kept[-1] == min(keep, 47)
    assert all(b >= m >= w for b, m, w in zip(curve.best, curve.mean, curve.worst, strict=True))
    assert (curve.label, curve.objective) == ("random", "quality")


def test_a_loss_is_minimised(tmp_path: Path) -> None:
    loss = CallableEvaluator(quality, "loss")
    result = search(tmp_path / "run", objectives=(Objective("loss", "min"),), evaluator=loss)
    curve = best_curve(result, keep=5, generation=10)
    values = [e.values[0] for e in result.history]
    assert list(curve.mean) == pytest.approx(expected(values, 5, 10, 1.0))
    assert curve.best[-1] == min(values)


def test_failures_count_as_evaluations(tmp_path: Path) -> None:
    def fails(arch: Architecture) -> float:
        if arch.genes[0] == 0:
            raise ValueError("no")
        return quality(arch)

    result = search(tmp_path / "run", evaluator=CallableEvaluator(fails, "quality"))
    curve = best_curve(result, keep=99, generation=10)
    assert curve.evaluations == (10, 20, 30, 40, 47)
    assert curve.kept[-1] == 47 - len(result.failures) < 47


def test_partial_codes_are_left_out(tmp_path: Path) -> None:
    evaluator = CallableEvaluator(lambda arch: 1.0, "quality")
    result = search(tmp_path / "run", strategy="crnas-greedy", evaluator=evaluator)
    assert best_curve(result).evaluations == (len(result.candidates),)
    assert 0 < len(result.candidates) < 47


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"keep": 0}, "keep must be at least 1, got 0"),
        ({"generation": -1}, "generation must be at least 1, got -1"),
    ],
)
def test_impossible_numbers_are_refused(
    tmp_path: Path, numbers: dict[str, int], message: str
) -> None:
    with pytest.raises(RunError, match=message):
        best_curve(search(tmp_path / "run", evals=1), **numbers)


def test_a_run_without_values_has_no_curve(tmp_path: Path) -> None:
    broken = CallableEvaluator(lambda arch: 1 / 0, "quality")
    with pytest.raises(RunError, match="has no value yet"):
        best_curve(search(tmp_path / "run", evaluator=broken, evals=3))


def test_known_objectives_have_no_curve(tmp_path: Path) -> None:
    with pytest.raises(ObjectiveError, match="all of cost are known"):
        best_curve(search(tmp_path / "run", objectives=(COST,)))


def test_numbers_as_json() -> None:
    curve = BestCurve("a", QUALITY.name, "", (5,), (1.0,), (2.0,), (0.5,), (3,))
    fields = curves_to_dict([curve])
    assert fields["schema_version"] == 1
    assert fields["curves"][0]["mean"] == (1.0,)
