"""Predictors as objectives: simulated ones are labelled, a space is found by its modules."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from latency import LatencyError, Predictor, make_simulated, save_predictor
from search import (
    InfeasibleBudgetError,
    RunError,
    SearchSettings,
    SpaceChoice,
    choose_finalist,
    describe_result,
    latency_objective,
    load_latency,
    load_result,
    plan_search,
    predicted_space,
    search_detectors,
    simulation_of,
)
from search.objectives.latency import PREDICTOR_FILE, SIMULATION_FILE
from search.spaces.listing import all_architectures
from searchspaces import SPACES, UnknownSpaceError, make_space
from tests.cli import done, run
from tests.search.conftest import OPTIONS

SMALL = "crnas-resnet18-stages"  # nine architectures
CHOICE = SpaceChoice(name=SMALL, options={"input_hw": (64, 64), "num_classes": 1})


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """Known results of every architecture of a small space."""
    path, space = tmp_path / "known.json", make_space(SMALL)
    archs = all_architectures(space, limit=100)
    assert archs is not None
    results = {space.encode(arch): {"ap": 10.0 + i} for i, arch in enumerate(archs)}
    path.write_text(json.dumps(results))
    return path


def settings(known: Path, **changes: object) -> SearchSettings:
    usual = SearchSettings(
        evaluator="table", table=known, strategy="random", evals=6, space=CHOICE
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def test_a_simulated_run_says_so_everywhere(known: Path, tmp_path: Path) -> None:
    predictor = make_simulated("V100", "fp16")
    result = search_detectors(predictor, settings(known, budget_ms=1e4), tmp_path / "run")
    assert (tmp_path / "run" / SIMULATION_FILE).is_file()
    assert not (tmp_path / "run" / PREDICTOR_FILE).exists()
    found = simulation_of(load_result(result.folder))
    assert found is not None
    assert (found["device"], found["engine"], found["precision"]) == ("V100", "pytorch", "fp16")
    assert "nothing was measured" in found["note"]
    fields = describe_result(result)
    assert fields["simulated"] == found
    assert fields["front"]
    assert all(row["simulated"] is True for row in fields["front"])
    saved = json.loads((tmp_path / "run" / SIMULATION_FILE).read_text())
    assert saved["simulated"] is True
    assert saved["device"]["bandwidth_gb_s"]["source"]


def test_a_run_resumes_on_the_same_device_only(known: Path, tmp_path: Path) -> None:
    chosen = settings(known, budget_ms=1e4, evals=2)
    search_detectors(make_simulated("V100"), chosen, tmp_path / "run")
    again = search_detectors(make_simulated("V100"), chosen, tmp_path / "run", resume=True)
    assert again.complete
    for other in (make_simulated("T4"), make_simulated("V100", "fp16")):
        with pytest.raises(RunError, match=r"context\.(predictor_sha256|device)"):
            search_detectors(other, chosen, tmp_path / "run", resume=True)


@pytest.mark.parametrize("name", sorted(set(SPACES) - {"zoo"}))
def test_an_impossible_budget_names_the_fastest_in_a_second(name: str) -> None:
    chosen = SearchSettings(budget_ms=0.01, space=SpaceChoice(name=name))
    started = time.process_time()
    with pytest.raises(InfeasibleBudgetError, match=r"the fastest found is .* ms"):
        plan_search("simulated:V100", chosen)
    assert time.process_time() - started < 1.5


def test_a_simulated_device_knows_no_space() -> None:
    with pytest.raises(RunError, match="name one by --space"):
        predicted_space(make_simulated("V100"))
    space, options = predicted_space(make_simulated("V100"), CHOICE)
    assert space.name == SMALL
    assert options == CHOICE.options


def test_a_precision_is_for_simulated_devices(predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    save_predictor(path, predictor)
    assert load_latency(path, "fp32").costs == predictor.costs  # type: ignore[union-attr]
    with pytest.raises(RunError, match="profiled in fp32, not in fp16"):
        load_latency(path, "fp16")


def test_a_finalist_of_a_simulated_run_has_no_predictor(known: Path, tmp_path: Path) -> None:
    search_detectors(make_simulated("V100"), settings(known), tmp_path / "run")
    finalist = choose_finalist(str(tmp_path / "run"))
    assert finalist.predictor_path is None
    assert finalist.simulated is not None


# --- fitted predictors


def test_the_space_is_found_by_its_modules(predictor: Predictor) -> None:
    profiled, options = predicted_space(predictor)
    assert (profiled.name, options["head"]) == ("detnas-nano", "retinanet")
    named, _ = predicted_space(predictor, SpaceChoice(name="detnas-nano"))
    assert named.name == profiled.name
    with pytest.raises(LatencyError, match="fitted on detnas-nano") as caught:
        predicted_space(predictor, SpaceChoice(name="crnas-resnet18"))
    assert "\n" not in str(caught.value)
    with pytest.raises(LatencyError, match="name the space by --space"):
        predicted_space(predictor, SpaceChoice(options={"input_hw": (96, 96)}))


def test_a_predictor_of_several_spaces_asks_which(predictor: Predictor) -> None:
    spaces = [{"name": "detnas-nano", **OPTIONS, "input_hw": [64, 64]}, {"name": "crnas-resnet18"}]
    manifest = replace(predictor.manifest, space={"name": "several", "spaces": spaces})
    several = replace(predictor, manifest=manifest)
    with pytest.raises(LatencyError, match=r"fitted on detnas-nano .* and crnas-resnet18"):
        predicted_space(several)
    space, options = predicted_space(several, SpaceChoice(name="detnas-nano"))
    assert options == {**OPTIONS, "input_hw": [64, 64]}
    assert space.detector(space.decode("00-00-0000-00")).input_hw == (64, 64)
    assert (
        make_space("crnas-resnet18").name
        == predicted_space(several, SpaceChoice(name="crnas-resnet18"))[0].name
    )


# --- the command line


def test_search_and_front_are_labelled(known: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plan"
    common = ("-t", "simulated:V100:tensorrt", "--precision", "fp16", "--space", SMALL)
    size = ("--input", "64x64", "--classes", 1)
    known_results = ("--evaluator", "table", "--table", known, "--evals", 3)
    fields = done("search", *common, *size, *known_results, "-o", folder, "--json").fields
    assert fields["simulated"]["engine"] == "tensorrt"
    for command in (("front", folder), ("search", *common, *size, *known_results, "--resume")):
        extra = ("-o", folder) if command[0] == "search" else ()
        text = " ".join(done(*command, *extra).out.split())
        assert "simulated" in text
        assert "nothing was measured" in text
    page = tmp_path / "page.html"
    done("report", folder, "-o", page)
    assert "on a simulated V100" in page.read_text()


def test_misuse_of_simulated_devices(known: Path, tmp_path: Path) -> None:
    common = ("search", "-t", "simulated:V100", "-o", tmp_path / "run")
    run(*common).refused("--space")
    run(*common, "--space", "detnas-nano", "--budget-ms", 0.1).refused("the fastest found is")
    run(*common, "--space", "detnas-nano", "--precision", "bf16").refused("bf16")
    run(
        "search", "-t", "simulated:P100", "-o", tmp_path / "run", "--space", "detnas-nano"
    ).refused("'P100'")
    assert not (tmp_path / "run").exists()


def test_the_space_is_the_profiled_one(predictor: Predictor) -> None:
    space, options = predicted_space(predictor)
    assert space.name == "detnas-nano"
    assert space.detector(space.decode("0" * 10)).input_hw == (64, 64)
    assert {**options, "input_hw": (64, 64)} == OPTIONS
    unknown = replace(predictor.manifest, space={"name": "nowhere"})
    with pytest.raises(UnknownSpaceError):
        predicted_space(replace(predictor, manifest=unknown))


def test_the_latency_objective_bounds_what_it_predicts(predictor: Predictor) -> None:
    space, _ = predicted_space(predictor)
    objective = latency_objective(predictor, space)
    arch = space.decode("0123012301")
    assert objective.value(arch) == predictor.predict_ms([space.detector(arch)])[0]
    assert objective.upper(arch, 0.8) == predictor.upper_ms(space.detector(arch), 0.8)
    assert objective.upper(arch, 0.8) >= objective.value(arch)
