"""Searches with a supernet: refusals that write nothing, and resuming at any moment."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detection import DatasetError, TrainConfig, TrainingError, write_shapes
from latency import Predictor, load_predictor
from search import (
    EvaluatorError,
    InfeasibleBudgetError,
    ObjectiveError,
    RunError,
    SearchResult,
    SearchSettings,
    StrategyError,
    load_result,
    predicted_space,
    search_detectors,
)
from search.objectives.latency import PREDICTOR_FILE
from search.training.supernet_files import CHECKPOINTS, SUPERNET_FILE
from tests.search.conftest import RECIPE, SETTINGS, TRAINING

Search = Callable[..., SearchResult]


class KilledError(Exception):
    """Stands for the end of a process."""


def die_when(word: str, done_at_least: float) -> Callable[[str, float, float], None]:
    """Return a progress callback that ends the process at a message."""

    def progress(message: str, done: float, total: float) -> None:
        if word in message and done >= done_at_least:
            raise KilledError

    return progress


def story(result: SearchResult) -> list[tuple[Any, ...]]:
    return [(e.index, e.code, e.status, e.values, e.error) for e in result.history]


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_run_scores_paths_differently_and_keeps_what_it_needs(
    finished: SearchResult, predictor: Predictor, shapes: Path
) -> None:
    assert finished.complete
    assert len(finished.finished) == 4
    assert not finished.failures
    assert len(set(finished.values[:, 1].tolist())) == 4
    assert finished.values[:, 1].max() > 1.0
    assert load_predictor(finished.folder / PREDICTOR_FILE).costs == predictor.costs
    assert (finished.folder / SUPERNET_FILE).is_file()
    assert finished.config.notes["data"] == str(shapes.resolve())
    assert str(shapes) not in json.dumps(finished.config.context)


def test_all_evaluations_keep_the_budget(
    finished: SearchResult, predictor: Predictor, tmp_path: Path, run_search_in: Search
) -> None:
    budget = float(np.median(finished.values[:, 0]))
    settings = replace(SETTINGS, budget_ms=budget, confidence=None)
    result = run_search_in(tmp_path / "run", settings=settings)
    assert (result.values[:, 0] <= budget).all()
    space, _ = predicted_space(predictor)
    for arch, (ms, _) in zip(result.architectures, result.values, strict=True):
        assert ms == predictor.predict_ms([space.detector(arch)])[0]


# --- refusals


def test_an_impossible_budget_is_answered_before_the_data_is_read(
    predictor: Predictor, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, budget_ms=0.001)
    started = time.monotonic()
    with pytest.raises(InfeasibleBudgetError, match="fastest"):
        search_detectors(
            predictor, settings, tmp_path / "run", data_dir="missing", training=TRAINING
        )
    assert time.monotonic() - started < 1.0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"data_dir": "nowhere"}, DatasetError, "nowhere: no such data folder"),
        ({"data_dir": None}, EvaluatorError, "give --data DIR"),
        ({"training": None}, EvaluatorError, "give --data DIR"),
        ({"training": replace(TRAINING, batch_size=99)}, DatasetError, "no full batch of 99"),
        ({"device": "gpu"}, TrainingError, "cannot train on device 'gpu'.* here are cpu"),
        ({"device": "cuda:99"}, TrainingError, "cannot train on device 'cuda:99'.* here are cpu"),
        ({"settings": replace(SETTINGS, evals=0)}, RunError, "evals must be an integer"),
        ({"settings": replace(SETTINGS, strategy="anneal")}, StrategyError, "anneal"),
        ({"settings": replace(SETTINGS, budget_ms=float("nan"))}, ObjectiveError, "finite"),
    ],
)
def test_refusals_are_one_line_and_write_nothing(
    run_search_in: Search,
    tmp_path: Path,
    changes: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message) as caught:
        run_search_in(tmp_path / "run", **changes)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_another_number_of_classes_is_refused(run_search_in: Search, tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "data", replace(RECIPE, num_train=6, num_classes=2))
    with pytest.raises(DatasetError, match=r"has 2 classes .*, the detector 1; give --classes 2"):
        run_search_in(tmp_path / "run", data_dir=data)
    assert not (tmp_path / "run").exists()


def test_too_few_images_are_refused(run_search_in: Search, tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "data", replace(RECIPE, num_train=4))
    with pytest.raises(RunError, match=r"4 training images are too few .* at least 5"):
        run_search_in(tmp_path / "run", data_dir=data)
    assert not (tmp_path / "run").exists()


def test_a_damaged_scoring_image_is_met_before_the_training(
    run_search_in: Search, shapes: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(shapes, tmp_path / "data"))
    for image in sorted((data / "train").iterdir()):
        image.write_bytes(image.read_bytes()[:100])
    with pytest.raises(DatasetError, match=r"\.png"):
        run_search_in(tmp_path / "run", data_dir=data, progress=die_when("loss", 1))
    restored = run_search_in(tmp_path / "run", data_dir=shapes, resume=True)
    assert not restored.failures


def test_a_run_is_not_begun_again(
    run_search_in: Search, finished_copy: Path, predictor: Predictor
) -> None:
    before = files(finished_copy)
    with pytest.raises(RunError, match="holds a run; go on with it by --resume"):
        run_search_in(finished_copy)
    assert files(finished_copy) == before


def test_a_supernet_without_its_run_is_not_taken(
    run_search_in: Search, finished_copy: Path
) -> None:
    for name in ("run.json", "journal.sqlite"):
        (finished_copy / name).unlink()
    before = files(finished_copy)
    for resume in (False, True):
        with pytest.raises(RunError, match=f"holds {SUPERNET_FILE} but no run"):
            run_search_in(finished_copy, resume=resume)
    assert files(finished_copy) == before


# --- resuming


@pytest.mark.parametrize(
    ("word", "done"),
    [("checking", 1), ("loss", 1), ("loss", 3), ("loss", 6), (": latency_ms", 1), ("AP", 3)],
)
def test_a_killed_run_goes_on_as_if_undisturbed(
    run_search_in: Search, finished: SearchResult, tmp_path: Path, word: str, done: int
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(KilledError):
        run_search_in(folder, progress=die_when(word, done))
    with pytest.raises(RunError, match="--resume"):
        run_search_in(folder)
    resumed = run_search_in(folder, resume=True)
    assert story(resumed) == story(finished)
    weights = (folder / SUPERNET_FILE).read_bytes()
    assert weights == (finished.folder / SUPERNET_FILE).read_bytes()


def test_resuming_a_complete_run_trains_nothing(
    run_search_in: Search, finished: SearchResult, finished_copy: Path
) -> None:
    shutil.rmtree(finished_copy / CHECKPOINTS)
    again = run_search_in(finished_copy, resume=True, progress=die_when("", 0))
    assert story(again) == story(finished)


def test_moved_data_and_settings_without_effect_do_not_matter(
    run_search_in: Search,
    finished: SearchResult,
    finished_copy: Path,
    shapes: Path,
    tmp_path: Path,
) -> None:
    moved = shutil.copytree(shapes, tmp_path / "moved")
    training = replace(TRAINING, checkpoint_every=7, checkpoint_minutes=3.0)
    longer = replace(SETTINGS, evals=5)
    result = run_search_in(
        finished_copy, resume=True, data_dir=moved, training=training, settings=longer
    )
    assert story(result)[:4] == story(finished)
    assert len(result.finished) == 5


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"training": replace(TRAINING, lr=0.02)}, "context.supernet.lr = 0.01, now it is 0.02"),
        ({"settings": replace(SETTINGS, seed=1)}, "seed = 0, now it is 1"),
        ({"settings": replace(SETTINGS, search_images=3)}, "context.search_images = 4"),
        (
            {"settings": replace(SETTINGS, recalibration_images=5)},
            "context.recalibration_images = 6, now it is 5",
        ),
        ({"settings": replace(SETTINGS, budget_ms=201.0)}, "constraints = "),
        ({"settings": replace(SETTINGS, evals=3)}, "evals = 4, now it is 3"),
    ],
)
def test_other_settings_are_refused_by_field(
    run_search_in: Search, finished_copy: Path, changes: dict[str, Any], field: str
) -> None:
    before = files(finished_copy)
    with pytest.raises(RunError, match=field) as caught:
        run_search_in(finished_copy, resume=True, **changes)
    assert "\n" not in str(caught.value)
    assert files(finished_copy) == before


def test_other_data_is_refused(run_search_in: Search, finished_copy: Path, tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "other", replace(RECIPE, seed=1))
    with pytest.raises(RunError, match=r"context\.data\.annotations_sha256 = '[0-9a-f]{64}', now"):
        run_search_in(finished_copy, resume=True, data_dir=data)


def test_another_predictor_is_refused_and_leaves_the_first_in_place(
    run_search_in: Search, finished_copy: Path, predictor: Predictor
) -> None:
    spec, cost = next(iter(predictor.costs.items()))
    costs = dict(predictor.costs) | {spec: replace(cost, ms=cost.ms * 1.01)}
    before = files(finished_copy)
    with pytest.raises(RunError, match=r"context\.predictor_sha256"):
        run_search_in(finished_copy, resume=True, predictor=replace(predictor, costs=costs))
    device = replace(predictor.manifest.device, name="another")
    manifest = replace(predictor.manifest, device=device)
    with pytest.raises(RunError, match=r"context\.device\.name = 'additive', now it is 'another'"):
        run_search_in(finished_copy, resume=True, predictor=replace(predictor, manifest=manifest))
    assert files(finished_copy) == before


def test_clock_rates_are_no_other_device(
    run_search_in: Search, finished_copy: Path, predictor: Predictor
) -> None:
    device = replace(predictor.manifest.device, clocks_mhz={"cpu": 1234.0})
    manifest = replace(predictor.manifest, device=device)
    before = files(finished_copy)
    run_search_in(finished_copy, resume=True, predictor=replace(predictor, manifest=manifest))
    assert files(finished_copy).keys() == before.keys()


# --- the table evaluator


@pytest.fixture
def table(predictor: Predictor, tmp_path: Path) -> Path:
    space, _ = predicted_space(predictor)
    rng = np.random.default_rng(0)
    archs = {space.encode(space.sample(rng)): {"ap": rng.uniform()} for _ in range(8)}
    path = tmp_path / "table.json"
    path.write_text(json.dumps(archs))
    return path


def test_a_table_is_recognised_by_its_content(
    predictor: Predictor, table: Path, tmp_path: Path
) -> None:
    settings = SearchSettings(
        evaluator="table", table=table, strategy="random", evals=3, budget_ms=200.0
    )
    folder = tmp_path / "run"
    result = search_detectors(predictor, settings, folder)
    assert result.config.notes["table"] == str(table.resolve())
    assert not (folder / SUPERNET_FILE).exists()
    moved = table.rename(tmp_path / "moved.json")
    again = search_detectors(predictor, replace(settings, table=moved), folder, resume=True)
    assert again.history == result.history
    moved.write_text(moved.read_text().replace("0.", "0.1", 1))
    with pytest.raises(RunError, match=r"context\.table_sha256"):
        search_detectors(predictor, replace(settings, table=moved), folder, resume=True)


@pytest.mark.parametrize(
    ("unheeded", "message"),
    [
        ({"data_dir": "shapes"}, "the table evaluator reads no images; leave --data out"),
        ({"training": TRAINING}, "trains nothing; leave the options of training .--steps, "),
        ({"device": "cuda:7"}, "runs nothing on a device; leave --device cuda:7 out"),
    ],
)
def test_a_table_reads_trains_and_runs_nothing(
    predictor: Predictor, table: Path, tmp_path: Path, unheeded: dict[str, Any], message: str
) -> None:
    settings = SearchSettings(evaluator="table", table=table, evals=3)
    with pytest.raises(EvaluatorError, match=message):
        search_detectors(predictor, settings, tmp_path / "run", **unheeded)
    assert not (tmp_path / "run").exists()


def test_the_run_says_what_it_was(finished: SearchResult) -> None:
    loaded = load_result(finished.folder)
    assert story(loaded) == story(finished)
    decisive = json.loads(json.dumps(TrainConfig(**TRAINING_FIELDS).decisive))
    assert loaded.config.context["supernet"] == decisive
    assert "checkpoint_every" not in loaded.config.context["supernet"]


TRAINING_FIELDS: dict[str, Any] = {
    "steps": 6,
    "batch_size": 4,
    "lr": 0.01,
    "optimizer": "adamw",
    "log_every": 1,
}
