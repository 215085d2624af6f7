"""What is trained and exported: a named architecture or a run's best."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from detection import TrainConfig, read_weights_info
from search import (
    CallableEvaluator,
    Constraint,
    Objective,
    RunError,
    SearchResult,
    best_within,
    choose_finalist,
    load_supernet,
    run_budget_ms,
    run_search,
    train_finalist,
)
from search.spaces.digits import DigitSpace
from searchspaces import ArchitectureError, SearchSpaceError
from tests.search.conftest import OPTIONS

CODE = "detnas-nano:01-23-0123-01"


def test_a_named_architecture() -> None:
    finalist = choose_finalist(CODE, options=OPTIONS)
    assert finalist.space.encode(finalist.architecture) == "01-23-0123-01"
    assert finalist.space.detector(finalist.architecture).input_hw == (64, 64)
    assert (finalist.folder, finalist.budget_ms, finalist.predictor_path) == (None, None, None)
    assert finalist.inherited() is None


def test_the_best_of_a_run_within_its_budget(finished: SearchResult) -> None:
    finalist = choose_finalist(str(finished.folder))
    ok = [(values[1], e.architecture) for e, values in zip_values(finished)]
    assert finalist.architecture == max(ok, key=lambda pair: pair[0])[1]
    assert finalist.budget_ms == 200.0
    assert finalist.predictor_path == finished.folder / "predictor.json"
    assert finalist.space.detector(finalist.architecture).num_classes == 1


def test_the_best_of_a_run_within_an_explicit_budget(finished: SearchResult) -> None:
    latencies = sorted(finished.values[:, 0].tolist())
    for budget in latencies:
        finalist = choose_finalist(str(finished.folder), budget_ms=budget)
        allowed = [(v[1], e.architecture) for e, v in zip_values(finished) if v[0] <= budget]
        assert finalist.architecture == max(allowed, key=lambda pair: pair[0])[1]
        assert finalist.budget_ms == budget
    with pytest.raises(RunError, match=r"has no result within 0\.5 ms; .* or raise the budget"):
        choose_finalist(str(finished.folder), budget_ms=0.5)


def zip_values(result: SearchResult):  # type: ignore[no-untyped-def]
    return zip(result.history, result.values.tolist(), strict=True)


def search_digits(folder: Path, fail: bool, *constraints: Constraint) -> SearchResult:
    def evaluate(arch: object) -> float:
        if fail:
            raise ValueError("no")
        return 1.0

    goals = (Objective("latency_ms", "min", "ms", lambda arch: 1.0), Objective("ap", "max"))
    evaluator = CallableEvaluator(evaluate, "ap")
    return run_search(
        DigitSpace(3, 3), "random", evaluator, goals, constraints, evals=3, out_dir=folder
    )


def test_a_run_without_results(tmp_path: Path) -> None:
    failed = search_digits(tmp_path / "failed", True)
    with pytest.raises(RunError, match="has no result; 3 evaluations failed; go on with it"):
        best_within(failed, None)
    assert run_budget_ms(failed) is None
    fine = search_digits(tmp_path / "fine", False, Constraint("latency_ms", 3.0))
    assert run_budget_ms(fine) == 3.0
    assert best_within(fine, 1.0).values == (1.0, 1.0)


def test_what_is_neither_run_nor_architecture(tmp_path: Path) -> None:
    with pytest.raises(ArchitectureError, match="SPACE:CODE as in"):
        choose_finalist(str(tmp_path / "missing"))
    with pytest.raises(RunError, match="holds no search run"):
        choose_finalist(str(tmp_path))
    with pytest.raises(SearchSpaceError):
        choose_finalist("detnas-nano:44", options=OPTIONS)


def test_inherited_weights_are_those_of_the_supernets_path(finished: SearchResult) -> None:
    finalist = choose_finalist(str(finished.folder))
    inherited = finalist.inherited()
    assert inherited is not None
    path = load_supernet(finished.folder, finalist.space).detector(finalist.architecture)
    mine, theirs = inherited.state_dict(), path.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        for a, b in zip(inherited.eval()(images), path.eval()(images), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("inherit", [True, False])
def test_training_starts_from_the_supernet_unless_told_otherwise(
    finished: SearchResult, shapes: Path, tmp_path: Path, inherit: bool
) -> None:
    still = TrainConfig(steps=1, batch_size=2, lr=1e-12, weight_decay=0.0, channels_last=False)
    output = tmp_path / "w.safetensors"
    trained = train_finalist(str(finished.folder), shapes, still, output, inherit=inherit)
    finalist = choose_finalist(str(finished.folder))
    inherited = finalist.inherited()
    assert inherited is not None
    parameters = dict(trained.detector.named_parameters())
    differences = [
        float((parameters[name] - value).detach().abs().max())
        for name, value in inherited.named_parameters()
    ]
    assert (max(differences) < 1e-9) == inherit
    info = read_weights_info(output)
    assert info.architecture == finalist.space.encode(finalist.architecture)
    assert json.loads(json.dumps(dict(info.space_options)))["input_hw"] == [64, 64]


def test_a_named_architecture_is_trained_with_its_options(shapes: Path, tmp_path: Path) -> None:
    config = TrainConfig(steps=1, batch_size=2)
    trained = train_finalist(CODE, shapes, config, tmp_path / "w.safetensors", options=OPTIONS)
    assert trained.detector.spec.input_hw == (64, 64)
    assert trained.accuracy.n_images == 4
    with pytest.raises(RunError, match=r"a budget \(3 ms\) chooses .*, which detnas-.* is not"):
        train_finalist(CODE, shapes, config, tmp_path / "w", options=OPTIONS, budget_ms=3.0)
    with pytest.raises(RunError, match=r"--no-inherit keeps the supernet .* is no run; leave it"):
        train_finalist(CODE, shapes, config, tmp_path / "w", options=OPTIONS, inherit=False)


def test_a_run_keeps_what_its_space_was_made_with(
    finished: SearchResult, shapes: Path, tmp_path: Path
) -> None:
    config, output = TrainConfig(steps=1), tmp_path / "w.safetensors"
    for options in ({"head": "fpn"}, {"num_classes": 1}):
        with pytest.raises(RunError, match=f"is a run, .* {next(iter(options))} would change not"):
            train_finalist(str(finished.folder), shapes, config, output, options=options)
    assert list(tmp_path.iterdir()) == []


def test_a_budget_that_nothing_keeps_trains_nothing(
    finished: SearchResult, shapes: Path, tmp_path: Path
) -> None:
    config = replace(TrainConfig(steps=1), batch_size=2)
    with pytest.raises(RunError, match="no result within"):
        train_finalist(
            str(finished.folder), shapes, config, tmp_path / "w.safetensors", budget_ms=0.1
        )
    assert list(tmp_path.iterdir()) == []
