"""CR-NAS and curves of runs from the command line."""

import json
from pathlib import Path

import pytest

from search import CallableEvaluator, latency_objective, load_latency, run_search
from search.conformance import GOALS, quality
from search.spaces.digits import DigitSpace
from searchspaces import Architecture, make_space
from tests.cli import done, run

DEVICE = "simulated:V100"
SEARCH = ("search", "-t", DEVICE, "--space", "crnas-resnet18", "--evaluator", "proxy")


@pytest.fixture(scope="module")
def stage_ms() -> list[float]:
    """Latencies of all undilated networks, ascending."""
    space = make_space("crnas-resnet18")
    stages = make_space("crnas-resnet18-stages").enumerate()  # type: ignore[attr-defined]
    codes = [Architecture(space.name, (*each.genes, *((0,) * 8))) for each in stages]
    return sorted(latency_objective(load_latency(DEVICE), space).values(codes).tolist())


def test_two_budgets_are_answered_by_one_run(stage_ms: list[float], tmp_path: Path) -> None:
    small, large = 1.001 * stage_ms[len(stage_ms) // 2], 1.5 * stage_ms[-1]
    folder = tmp_path / "run"
    budgets = ("--budget-ms", large, "--budget-ms", small, "--confidence", 0)
    fields = done(*SEARCH, "--strategy", "crnas", *budgets, "-o", folder, "--json").fields
    assert fields["complete"]
    assert fields["optimality"].startswith(f"all {len(stage_ms)} eligible codes evaluated: ")
    first, second = fields["by_budget"]
    assert first["best_value"] <= second["best_value"]
    assert fields["budget_ms"] == large
    within = done("front", folder, "--budget-ms", small, "--json").fields
    assert within["front"]
    assert all(row["latency_ms"] <= small for row in within["front"])
    assert not any("?" in row["arch"] for row in fields["front"])


def test_stage_and_dilation_searches_by_themselves(tmp_path: Path) -> None:
    stages = ("search", "-t", DEVICE, "--space", "crnas-resnet18-stages", "--evaluator", "proxy")
    found = done(*stages, "--strategy", "crnas-stage", "-o", tmp_path / "stages", "--json").fields
    assert found["complete"]
    assert found["optimality"].startswith(f"all {found['evaluated']} eligible codes evaluated: ")
    dilations = (
        *("search", "-t", DEVICE, "--space", "crnas-resnet18-operations", "--evaluator", "proxy"),
        *("--option", "stages=2-2-2-2", "--strategy", "crnas-greedy"),
    )
    greedy = done(*dilations, "-o", tmp_path / "dilations", "--json").fields
    assert greedy["evaluated"] == 3 + 9 * 7
    assert greedy["complete"]


def test_other_strategies_take_one_budget(tmp_path: Path) -> None:
    two = ("--strategy", "random", "--budget-ms", 200, "--budget-ms", 300)
    run(*SEARCH, *two, "-o", tmp_path / "run").refused(
        "several --budget-ms are for --strategy crnas", "random takes one"
    )
    run(*SEARCH, "--budget-ms", 0, "-o", tmp_path / "run").refused("0 is not above 0")
    assert list(tmp_path.iterdir()) == []


def test_curves_of_two_runs(tmp_path: Path) -> None:
    for strategy in ("random", "local"):
        run_search(
            DigitSpace(6, 3),
            strategy,
            CallableEvaluator(quality, "quality"),
            GOALS,
            evals=30,
            out_dir=tmp_path / strategy,
        )
    picture = tmp_path / "best.svg"
    folders = (tmp_path / "random", tmp_path / "local")
    fields = done("curve", *folders, "-o", picture, "--generation", 10, "--json").fields
    assert [each["label"] for each in fields["curves"]] == ["random", "local"]
    assert [each["evaluations"] for each in fields["curves"]] == [[10, 20, 30]] * 2
    assert picture.read_text().startswith("<svg")
    written = json.loads(picture.with_suffix(".json").read_text())
    assert written["curves"] == fields["curves"]
    assert "local" in done("curve", *folders, "-o", picture).out


def test_curves_that_cannot_be_drawn(tmp_path: Path) -> None:
    run("curve", tmp_path, "-o", tmp_path / "a.png").refused("does not end in .svg")
    run("curve", tmp_path, "-o", tmp_path / "a.svg").refused("holds no search run")


def test_only_supernets_begin_with_weights(tmp_path: Path) -> None:
    given = ("--start", tmp_path / "w.safetensors", "-o", tmp_path / "run")
    run(*SEARCH, *given).refused("(--start); the evaluator is proxy")
