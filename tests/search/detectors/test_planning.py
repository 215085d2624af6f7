"""What a search comes down to, before anything is read or trained."""

from dataclasses import replace
from pathlib import Path

import pytest

from latency import LatencyError, Predictor, PredictorError, save_predictor
from search import InfeasibleBudgetError, RunError, SearchSettings, SpaceChoice, plan_search
from tests.search.conftest import SETTINGS

NANO = SpaceChoice(name="detnas-nano")


def test_a_plan_reads_the_predictor(predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    save_predictor(path, predictor)
    assert plan_search(path, SETTINGS).costs == predictor.costs
    named = replace(SETTINGS, space=NANO)
    assert plan_search(path, named).costs == predictor.costs
    with pytest.raises(LatencyError, match="fitted on detnas-nano"):
        plan_search(path, replace(SETTINGS, space=SpaceChoice(name="crnas-resnet18")))
    with pytest.raises(InfeasibleBudgetError):
        plan_search(path, replace(SETTINGS, budget_ms=0.001))
    with pytest.raises(PredictorError, match="there is no predictor"):
        plan_search(tmp_path / "missing.json", SETTINGS)


def test_a_precision_without_a_predictor_is_refused() -> None:
    settings = SearchSettings(evaluator="proxy", counted={"macs": None}, space=NANO)
    assert plan_search(None, settings) is None
    with pytest.raises(RunError, match=r"--precision fp16.* is that of a simulated device"):
        plan_search(None, settings, "fp16")
