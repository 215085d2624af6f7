"""The score without training, compared with what was evaluated."""

from pathlib import Path

import numpy as np
import pytest

from latency import Predictor
from search import (
    CallableEvaluator,
    Objective,
    ProxyEvaluator,
    SearchResult,
    SearchSettings,
    counted_objective,
    describe_result,
    load_result,
    proxy_agreement,
    run_search,
    search_detectors,
)
from search.conformance import GOALS, quality
from search.spaces.digits import DigitSpace
from searchspaces import Architecture, make_space

SPACE = make_space("detnas-nano")
PROXY = ProxyEvaluator(SPACE)


def run(folder: Path, goal: Objective, sign: float, evals: int = 20) -> SearchResult:
    """Evaluate by the score itself, turned by a sign."""

    def evaluate(arch: Architecture) -> float:
        return sign * PROXY.evaluate(arch)["entropy"]

    goals = (counted_objective("macs", SPACE), goal)
    evaluator = CallableEvaluator(evaluate, objective=goal.name)
    return run_search(SPACE, "random", evaluator, goals, evals=evals, out_dir=folder)


@pytest.mark.parametrize(
    ("direction", "sign", "tau"), [("max", 1.0, 1.0), ("min", -1.0, 1.0), ("max", -1.0, -1.0)]
)
def test_the_order_is_compared_and_1_is_good(
    tmp_path: Path, direction: str, sign: float, tau: float
) -> None:
    found = proxy_agreement(run(tmp_path, Objective("ap", direction), sign))  # type: ignore[arg-type]
    assert found is not None
    assert (found.objective, found.evaluations) == ("ap", 20)
    assert found.kendall_tau == pytest.approx(tau)
    assert describe_result(load_result(tmp_path))["proxy"] == {
        "objective": "ap",
        "kendall_tau": found.kendall_tau,
        "evaluations": 20,
    }


def test_nothing_is_compared_where_it_means_nothing(tmp_path: Path, predictor: Predictor) -> None:
    goal = Objective("ap", "max")
    assert proxy_agreement(run(tmp_path / "few", goal, 1.0, evals=4)) is None
    assert proxy_agreement(run(tmp_path / "same", goal, 0.0)) is None
    foreign = run_search(
        DigitSpace(),
        "random",
        CallableEvaluator(quality, objective="quality"),
        GOALS,
        evals=8,
        out_dir=tmp_path / "foreign",
    )
    assert proxy_agreement(foreign) is None
    settings = SearchSettings(evaluator="proxy", strategy="random", evals=8)
    own = search_detectors(predictor, settings, tmp_path / "own")
    assert proxy_agreement(own) is None
    assert np.isfinite(own.values).all()
