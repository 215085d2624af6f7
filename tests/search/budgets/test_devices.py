"""Several devices in one search: one set of evaluations, a front and a budget for each."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latency import LatencyError, Predictor, load_predictor, make_simulated
from search import (
    AnyOf,
    Constraint,
    Device,
    InfeasibleBudgetError,
    RunError,
    SearchSettings,
    SpaceChoice,
    describe_result,
    load_result,
    search_detectors,
)
from search.budgets.devices import known_bounds
from searchspaces import make_space
from tests.search.conftest import OPTIONS

V100 = make_simulated("V100")
SPACE = make_space("detnas-nano", **OPTIONS)


RNG = np.random.default_rng(0)
SAMPLES = [SPACE.detector(SPACE.sample(RNG)) for _ in range(60)]


def test_bounds_of_one_device_of_all_and_of_any() -> None:
    gpu, tpu = (Device(name=name, predictor=V100, budget_ms=5.0) for name in ("gpu", "tpu"))
    own, theirs = Constraint("latency_ms", 9.0, 0.9), Constraint("latency_ms@gpu", 5.0, 0.9)
    assert known_bounds(9.0, (), {}, 0.9, on_every=False) == (own,)
    assert known_bounds(9.0, (gpu,), {}, 0.9, on_every=True) == (own, theirs)
    assert known_bounds(9.0, (gpu,), {}, 0.9, on_every=False) == (AnyOf((own, theirs)),)
    free = replace(tpu, budget_ms=None)
    assert known_bounds(9.0, (gpu, free), {}, 0.9, on_every=False) == ()
    assert known_bounds(9.0, (gpu, free), {}, 0.9, on_every=True) == (own, theirs)
    macs = Constraint("macs", 1e9)
    assert known_bounds(None, (free,), {"macs": 1e9, "params": None}, 0.9, on_every=False) == (
        macs,
    )


@pytest.mark.parametrize("name", ["", "a/b", "../x", " gpu", 3])
def test_a_device_has_a_plain_name(name: Any) -> None:
    with pytest.raises(RunError, match="a device is named by letters"):
        Device(name=name, predictor=V100)


def test_each_device_has_its_front_from_one_set_of_evaluations(
    predictor: Predictor, tmp_path: Path
) -> None:
    here, there = (float(np.median(each.predict_ms(SAMPLES))) for each in (predictor, V100))
    settings = SearchSettings(
        evaluator="proxy",
        strategy="random",
        evals=40,
        budget_ms=here,
        confidence=None,
        devices=(Device(name="v100", predictor=V100, budget_ms=there),),
        counted={"macs": None},
    )
    result = search_detectors(predictor, settings, tmp_path / "run")
    names = [goal.name for goal in result.objectives]
    assert names == ["latency_ms", "latency_ms@v100", "macs", "entropy"]
    assert not result.failures
    evaluated = result.history
    keeps_here = {e.architecture for e in evaluated if e.values[0] <= here}
    keeps_there = {e.architecture for e in evaluated if e.values[1] <= there}
    assert all(e.values[0] <= here or e.values[1] <= there for e in evaluated)
    fronts = {name: result.front_of(name) for name in names[:3]}
    assert set(fronts["latency_ms"].architectures) <= keeps_here
    assert set(fronts["latency_ms@v100"].architectures) <= keeps_there
    assert min(map(len, fronts.values())) > 0
    assert len(keeps_here | keeps_there) > max(len(keeps_here), len(keeps_there))
    assert set(fronts["macs"].architectures) <= {e.architecture for e in evaluated}
    assert [goal.name for goal in fronts["latency_ms@v100"].objectives] == [
        "latency_ms@v100",
        "entropy",
    ]
    described = describe_result(load_result(tmp_path / "run"))
    assert set(described["fronts"]) == set(names[:3])
    assert described["fronts"]["latency_ms@v100"]["budget"] == there
    assert described["fastest"]["latency_ms@v100"]["exact"]
    assert load_predictor(tmp_path / "run" / "predictor.json").costs == predictor.costs
    assert (tmp_path / "run" / "simulated@v100.json").is_file()


def test_with_a_confidence_each_front_keeps_it(tmp_path: Path) -> None:
    budget = float(np.median([V100.upper_ms(sample, 0.9) for sample in SAMPLES]))
    settings = SearchSettings(
        evaluator="proxy",
        strategy="random",
        evals=40,
        budget_ms=budget,
        confidence=0.9,
        space=SpaceChoice(name="detnas-nano", options=OPTIONS),
        devices=(Device(name="cpu", predictor=make_simulated("CPU"), budget_ms=1e9),),
    )
    result = search_detectors(V100, settings, tmp_path / "run")
    front = result.front_of("latency_ms")
    assert len(front) > 0
    for arch in front.architectures:
        assert V100.upper_ms(SPACE.detector(arch), 0.9) <= budget
    beyond = [e for e in result.history if e.compared[0] > budget]
    assert any(e.values[0] <= budget for e in beyond)  # by their medians they would have stayed
    assert describe_result(result)["front"] == [
        {
            "arch": f"detnas-nano:{SPACE.encode(point.architecture)}",
            "latency_ms": point.values[0],
            "entropy": point.values[1],
            "simulated": True,
        }
        for point in front
    ]


@pytest.mark.parametrize("on_every_device", [False, True])
def test_a_budget_that_nothing_keeps_is_refused_on_every_device(
    predictor: Predictor, tmp_path: Path, on_every_device: bool
) -> None:
    """With a budget of its own each device would end with an empty front."""
    settings = SearchSettings(
        evaluator="proxy",
        budget_ms=200.0,
        confidence=None,
        devices=(Device(name="v100", predictor=V100, budget_ms=1e-3),),
        on_every_device=on_every_device,
    )
    with pytest.raises(InfeasibleBudgetError, match=r"keeps latency_ms@v100 <= 0\.001 ms; the"):
        search_detectors(predictor, settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_devices_are_told_apart_and_compared_on_resume(
    predictor: Predictor, tmp_path: Path
) -> None:
    device = Device(name="v100", predictor=V100)
    twice = SearchSettings(evaluator="proxy", devices=(device, device), evals=2)
    with pytest.raises(RunError, match="two devices are named 'v100'"):
        search_detectors(predictor, twice, tmp_path / "run")
    one = replace(twice, devices=(device,), strategy="random")
    search_detectors(predictor, one, tmp_path / "run")
    other = replace(device, predictor=make_simulated("V100", "fp16"))
    with pytest.raises(RunError, match=r"context\.devices\.v100"):
        search_detectors(predictor, replace(one, devices=(other,)), tmp_path / "run", resume=True)


def test_a_device_that_does_not_know_the_space_is_refused(
    predictor: Predictor, tmp_path: Path
) -> None:
    device = Device(name="cpu", predictor=predictor)
    settings = SearchSettings(evaluator="proxy", evals=2, devices=(device,), strategy="random")
    other = replace(settings.space, name="crnas-resnet18")
    with pytest.raises(LatencyError, match="crnas-resnet18"):
        search_detectors(V100, replace(settings, space=other), tmp_path / "run")
