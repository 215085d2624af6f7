"""A search trains by a paper's recipe, or as it is asked."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detection import (
    ImageSettings,
    TrainConfig,
    TrainingError,
    TrainSettings,
    recipe_names,
    train,
)
from search import (
    EvaluatorError,
    RunError,
    SearchResult,
    SearchSettings,
    load_result,
    search_procedure,
)
from search.training.supernet_files import SUPERNET_FILE
from tests.search.conftest import SETTINGS, TRAINING, Search

SCRATCH = replace(SETTINGS, evaluator="scratch", evals=1, recalibration_images=500)
SHORT = {"steps": 2, "batch_size": 4, "warmup_steps": 0, "start": "scratch"}


def test_stage_one_of_smnas() -> None:
    procedure = search_procedure(
        "scratch", "smnas-stage-one", {"seed": 3}, begins_with=Path("weights")
    )
    config = procedure.training.config
    assert (config.epochs, config.steps, config.batch_size) == (5, None, 32)
    assert (config.schedule, config.lr, config.final_lr) == ("cosine", 0.04, 0.0001)
    assert (config.weight_decay, config.seed) == (1e-4, 3)
    assert procedure.training.images.scale == (1.0, 1.0)
    assert (procedure.recipe, procedure.macs_bins) == ("smnas-stage-one", 0)


def test_the_second_step_of_detnas() -> None:
    procedure = search_procedure(
        "supernet", "detnas-supernet-coco", {"macs_bins": 8}, begins_with=Path("w.safetensors")
    )
    config = procedure.training.config
    assert (config.steps, config.lr, config.schedule) == (90_000, 0.02, "step")
    assert config.drops == pytest.approx((2 / 3, 8 / 9))
    assert procedure.macs_bins == 8


def test_without_a_recipe_settings_are_as_asked() -> None:
    procedure = search_procedure("scratch", None, {"epochs": 5, "ema_decay": 0.99, "flip": 0.0})
    assert procedure.recipe is None
    assert procedure.training.config.epochs == 5
    assert procedure.training.config.ema_decay == 0.99
    assert procedure.training.images == ImageSettings(flip=0.0)


@pytest.mark.parametrize("name", recipe_names())
@pytest.mark.parametrize("evaluator", ["scratch", "supernet"])
def test_recipes_of_something_else_are_refused_by_name(name: str, evaluator: str) -> None:
    fits = "pretrain" not in name and ("supernet" in name) == (evaluator == "supernet")
    if fits:
        found = search_procedure(evaluator, name, {}, begins_with=Path("weights"))
        assert found.recipe == name
        return
    with pytest.raises(EvaluatorError, match=rf"recipe {name} trains a .*, and here a "):
        search_procedure(evaluator, name, {}, begins_with=Path("weights"))


def test_those_that_fit_are_named() -> None:
    with pytest.raises(EvaluatorError, match=r"by .*smnas-stage-one, smnas-stage-two") as caught:
        search_procedure("scratch", "detnas-supernet-coco", {})
    assert "pretrain" not in str(caught.value).partition("; by ")[2]


@pytest.mark.parametrize("evaluator", ["proxy", "table", "classification"])
def test_other_evaluators_follow_no_recipe(evaluator: str) -> None:
    with pytest.raises(EvaluatorError, match=f"the {evaluator} evaluator follows no recipe"):
        search_procedure(evaluator, "smnas-stage-one", {})


@pytest.mark.parametrize(
    ("evaluator", "recipe", "option"),
    [
        ("scratch", "smnas-stage-one", "--pretrained FOLDER"),
        ("supernet", "detnas-supernet-coco", "--start FILE"),
    ],
)
def test_weights_to_begin_with_have_to_be_named(evaluator: str, recipe: str, option: str) -> None:
    with pytest.raises(EvaluatorError, match=f"give {option}, or .* --set start=scratch"):
        search_procedure(evaluator, recipe, {})
    assert search_procedure(evaluator, recipe, {"start": "scratch"}).recipe == recipe


def test_candidates_are_trained_by_the_recipe(
    run_search_in: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[TrainConfig, Any]] = []

    def watch(learner: Any, root: Any, images: Any, config: Any, *rest: Any, **more: Any) -> Any:
        seen.append((config, images))
        return train(learner, root, images, config, *rest, **more)

    monkeypatch.setattr("detection.train", watch)
    procedure = search_procedure("scratch", "smnas-stage-one", SHORT)
    told: list[str] = []
    result = run_search_in(
        tmp_path / "run",
        settings=replace(SCRATCH, recipe=procedure.recipe),
        training=procedure.training,
        tell=told.append,
    )
    ((config, images),) = seen
    assert (config.steps, config.schedule, config.weight_decay) == (2, "cosine", 1e-4)
    assert config.lr == pytest.approx(0.04 / 8)
    assert config.final_lr == pytest.approx(0.0001 / 8)
    assert images._augment.scale == (1.0, 1.0)
    assert "lr 0.04 at batch 32 -> 0.005 at batch 4" in told[0]
    notes = load_result(result.folder).config.notes
    assert (notes["recipe"], notes["changes"]) == ("smnas-stage-one", told[0])
    assert result.config.context["scale"] == [1.0, 1.0]
    assert result.config.context["supernet"]["final_lr"] == pytest.approx(0.0001 / 8)


def test_a_supernet_is_trained_by_the_recipe(run_search_in: Search, tmp_path: Path) -> None:
    asked = {**SHORT, "split": "train", "macs_bins": 2}
    procedure = search_procedure("supernet", "detnas-supernet-voc", asked)
    settings = replace(SETTINGS, evals=1, macs_bins=procedure.macs_bins)
    result = run_search_in(tmp_path / "run", settings=settings, training=procedure.training)
    assert (result.folder / SUPERNET_FILE).is_file()
    assert result.config.context["macs_bins"] == 2
    assert result.config.context["supernet"]["schedule"] == "step"
    with pytest.raises(RunError, match=r"context\.macs_bins = 2, now it is None"):
        run_search_in(
            tmp_path / "run",
            settings=replace(settings, macs_bins=0),
            training=procedure.training,
            resume=True,
        )


def test_other_images_are_another_run(run_search_in: Search, tmp_path: Path) -> None:
    still = TrainSettings(TRAINING, ImageSettings(flip=0.0))
    settings = replace(SETTINGS, evals=1)
    run_search_in(tmp_path / "run", settings=settings, training=still)
    with pytest.raises(RunError, match=r"context\.flip = 0\.0, now it is None"):
        run_search_in(tmp_path / "run", settings=settings, resume=True)


def test_whole_settings_of_the_usual_images_are_the_same_run(
    run_search_in: Search, finished: SearchResult, finished_copy: Path
) -> None:
    """What a search was given before, and what the command line gives it now."""
    again = run_search_in(finished_copy, training=TrainSettings(TRAINING), resume=True)
    assert again.history == finished.history


def test_scores_on_the_way_are_no_part_of_a_search(run_search_in: Search, tmp_path: Path) -> None:
    with pytest.raises(EvaluatorError, match="leave evaluate_every=2 out"):
        run_search_in(tmp_path / "run", training=replace(TRAINING, evaluate_every=2))
    assert not (tmp_path / "run").exists()


def test_a_warm_up_is_shortened_where_nobody_asked_for_it(
    run_search_in: Search, tmp_path: Path
) -> None:
    told: list[str] = []
    long = TrainSettings(replace(TRAINING, warmup_steps=500), warmup_asked=False)
    settings = replace(SETTINGS, evals=1)
    run_search_in(tmp_path / "run", settings=settings, training=long, tell=told.append)
    assert told == ["warmup_steps 500 -> 0, as the run is of 6 steps"]


@pytest.mark.parametrize("settings", [SETTINGS, SCRATCH], ids=["supernet", "scratch"])
def test_what_is_not_here_is_refused_before_anything_is_written(
    run_search_in: Search,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: SearchSettings,
) -> None:
    half, shown = replace(TRAINING, precision="fp16"), replace(TRAINING, tensorboard=True)
    with pytest.raises(TrainingError, match="fp16 trains on CUDA devices only, got device 'cpu'"):
        run_search_in(tmp_path / "run", settings=settings, training=half)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises((TrainingError, EvaluatorError), match="tensorboard"):
        run_search_in(tmp_path / "run", settings=settings, training=shown)
    assert not (tmp_path / "run").exists()


def test_curves_of_candidates_would_be_lost(run_search_in: Search, tmp_path: Path) -> None:
    with pytest.raises(EvaluatorError, match=r"once it is scored, .* leave tensorboard"):
        run_search_in(
            tmp_path / "run", settings=SCRATCH, training=replace(TRAINING, tensorboard=True)
        )
    assert not (tmp_path / "run").exists()


def test_a_supernet_that_is_trained_goes_on_where_it_could_not_be_trained(
    run_search_in: Search, finished: SearchResult, finished_copy: Path
) -> None:
    """Trained on a GPU in half precision, searched on."""
    path = finished_copy / "run.json"
    content = json.loads(path.read_text())
    content["context"]["supernet"]["precision"] = "fp16"
    path.write_text(json.dumps(content))
    half = replace(TRAINING, precision="fp16")
    assert run_search_in(finished_copy, training=half, resume=True).history == finished.history


def test_settings_without_a_recipe_follow_what_is_trained() -> None:
    asked = {"macs_bins": 8, "score_split": "archval", "steps": 9}
    procedure = search_procedure("supernet", None, asked)
    assert (procedure.macs_bins, procedure.training.images.score_split) == (8, "archval")
    assert search_procedure("supernet", None, {}).macs_bins == 0
    with pytest.raises(TrainingError, match="macs_bins has no effect where a detector learns"):
        search_procedure("scratch", None, asked)
    with pytest.raises(TrainingError, match="label_smoothing has no effect where a supernet lea"):
        search_procedure("supernet", None, {"label_smoothing": 0.1})
    with pytest.raises(TrainingError, match="setting macs_bins must be how many"):
        search_procedure("supernet", None, {"macs_bins": -1})
    classifying = search_procedure("classification", None, {"macs_bins": 8}).macs_bins
    with pytest.raises(EvaluatorError, match="macs_bins are those of a supernet's training to de"):
        replace(SETTINGS, evaluator="classification", macs_bins=classifying)
