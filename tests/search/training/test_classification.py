"""Searches on classification, and supernets that begin with what one has learnt there."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from detection import (
    CheckpointError,
    DatasetError,
    Supernet,
    TrainSettings,
    WeightsInfo,
    save_weights,
)
from search import (
    EvaluatorError,
    RunError,
    SearchResult,
    SupernetStage,
    load_result,
    load_supernet,
)
from search.training import classification as module
from search.training.classification import CLASSIFIER_FILE, ClassificationStage
from search.training.supernet_files import CHECKPOINTS, SUPERNET_FILE
from searchspaces import make_space
from tests.search.conftest import OPTIONS, SETTINGS, TRAINING

Search = Callable[..., SearchResult]
CLASSIFYING = replace(SETTINGS, evaluator="classification", evals=2)
SHORT = replace(TRAINING, steps=2, checkpoint_every=1)
SPACE = make_space("detnas-nano", **OPTIONS)


@pytest.fixture(autouse=True, scope="module")
def small_images() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CLASSIFICATION_HW", (32, 32))
        yield


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dark and bright noise: two classes of twelve images."""
    folder, rng = tmp_path_factory.mktemp("classified"), np.random.default_rng(0)
    for name, level in (("bright", 190), ("dark", 60)):
        (folder / "train" / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.clip(rng.normal(level, 25, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "train" / name / f"{number:02}.png")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, pictures: Path, small_images: None) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    stage(pictures).prepare(folder)
    return folder


def stage(pictures: Path) -> ClassificationStage:
    return ClassificationStage(SPACE, OPTIONS, pictures, CLASSIFYING, SHORT)


def story(result: SearchResult) -> list[tuple[Any, ...]]:
    return [(e.index, e.code, e.status, e.values, e.error) for e in result.history]


def test_a_killed_search_on_classification_goes_on(
    run_search_in: Search, pictures: Path, tmp_path: Path
) -> None:
    def die(message: str, done: float, total: float) -> None:
        if "loss" in message:
            raise KeyboardInterrupt

    changes = {"settings": CLASSIFYING, "data_dir": pictures, "training": SHORT}
    whole = run_search_in(tmp_path / "whole", **changes)
    assert [goal.name for goal in whole.objectives] == ["latency_ms", "top1"]
    assert whole.complete
    assert not whole.failures
    assert ((whole.values[:, 1] >= 0) & (whole.values[:, 1] <= 100)).all()
    assert (whole.folder / CLASSIFIER_FILE).is_file()
    assert load_supernet(whole.folder, SPACE).extract(whole.architectures[0])
    assert load_result(whole.folder).config.context["evaluator"] == "classification"
    with pytest.raises(KeyboardInterrupt):
        run_search_in(tmp_path / "run", **changes, progress=die)
    assert (tmp_path / "run" / CHECKPOINTS).is_dir()
    assert not (tmp_path / "run" / SUPERNET_FILE).exists()
    assert story(run_search_in(tmp_path / "run", **changes, resume=True)) == story(whole)


def test_scores_depend_on_the_architecture_alone(pictures: Path, trained: Path) -> None:
    one, other = stage(pictures), stage(pictures)
    one.prepare(trained)
    archs = [SPACE.decode(code) for code in ("0123012301", "3333333333", "0000000000")]
    forth = [one.evaluate(arch) for arch in (*archs, archs[0])]
    assert forth[0] == forth[3]
    other.prepare(trained)
    assert [other.evaluate(arch) for arch in archs[::-1]] == forth[2::-1]


def test_images_that_score_do_not_train_and_statistics_see_every_class(pictures: Path) -> None:
    parts = stage(pictures)
    kept, scoring = parts._training.images.files, parts._scoring.images.files
    assert set(kept).isdisjoint(scoring)
    assert len(kept) + len(scoring) == 24
    recalibration = parts._recalibration.images.files
    assert set(recalibration) < set(kept)
    assert {label for _, label in recalibration} == {0, 1}
    assert len(recalibration) == SETTINGS.recalibration_images


def test_data_is_told_by_its_files_and_may_be_moved(pictures: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(pictures, tmp_path / "moved"))
    assert stage(moved).identity == stage(pictures).identity
    (moved / "train" / "dark" / "00.png").unlink()
    assert stage(moved).identity != stage(pictures).identity


def test_nothing_is_scored_before_the_supernet_is_there(pictures: Path) -> None:
    with pytest.raises(EvaluatorError, match=r"call prepare\(\) first"):
        stage(pictures).evaluate(SPACE.decode("0" * 10))


def test_data_without_enough_images_of_classes_is_refused(
    run_search_in: Search, shapes: Path, pictures: Path, tmp_path: Path
) -> None:
    for folder in (shapes / "annotations", tmp_path / "nowhere"):
        with pytest.raises(DatasetError):
            run_search_in(tmp_path / "run", settings=CLASSIFYING, data_dir=folder)
    few = Path(shutil.copytree(pictures, tmp_path / "few"))
    shutil.rmtree(few / "train" / "dark")
    for name in range(3, 12):
        (few / "train" / "bright" / f"{name:02}.png").unlink()
    with pytest.raises(RunError, match="3 training images are too few"):
        run_search_in(tmp_path / "run", settings=CLASSIFYING, data_dir=few)
    assert not (tmp_path / "run").exists()


# --- what a supernet begins with


def test_a_supernet_begins_with_the_backbones_that_have_learnt(
    trained: Path, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: dict[str, torch.Tensor] = {}

    def watch(paths: Any, root: Supernet, *rest: Any, **more: Any) -> None:
        begun.update({name: value.clone() for name, value in root.state_dict().items()})
        raise KeyboardInterrupt

    monkeypatch.setattr("detection.train", watch)
    settings = replace(SETTINGS, start=trained / SUPERNET_FILE)
    with pytest.raises(KeyboardInterrupt):
        SupernetStage(SPACE, OPTIONS, shapes, settings, TRAINING).prepare(tmp_path)
    learnt, drawn = load_supernet(trained, SPACE), module.new_supernet(SPACE, TRAINING.seed)
    pairs = (drawn.state_dict(), learnt.state_dict())
    for name, value in begun.items():
        of_backbone = name.startswith("bank.backbone_")
        assert torch.equal(value, pairs[of_backbone][name]), name
    assert any(not torch.equal(pairs[0][name], pairs[1][name]) for name in begun)


def test_weights_that_are_not_there_are_refused(run_search_in: Search, tmp_path: Path) -> None:
    settings = replace(SETTINGS, start=tmp_path / "nowhere.safetensors")
    with pytest.raises(CheckpointError, match=r"nowhere\.safetensors"):
        run_search_in(tmp_path / "run", settings=settings)
    assert list(tmp_path.iterdir()) == []


def test_only_supernets_begin_with_the_weights_of_another(tmp_path: Path) -> None:
    with pytest.raises(EvaluatorError, match=r"\(--start\); the evaluator is proxy"):
        replace(SETTINGS, evaluator="proxy", start=tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("space", "options", "message"),
    [
        ("detnas-small", {}, "does not fit the model"),
        ("detnas-nano", {"norm": "gn_ws"}, "does not fit the model"),
    ],
)
def test_weights_of_other_backbones_are_refused_before_anything_is_written(
    run_search_in: Search, tmp_path: Path, space: str, options: dict[str, Any], message: str
) -> None:
    made = {**OPTIONS, **options}
    info = WeightsInfo(space, 1, space_options=made)
    path = save_weights(tmp_path / "w.safetensors", Supernet(make_space(space, **made)), info)
    with pytest.raises(CheckpointError, match=message) as caught:
        run_search_in(tmp_path / "run", settings=replace(SETTINGS, start=path))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_the_weights_of_one_detector_begin_no_supernet(
    run_search_in: Search, trained: Path, tmp_path: Path
) -> None:
    arch = SPACE.decode("0" * 10)
    info = WeightsInfo("detnas-nano", 1, architecture="0" * 10, space_options=OPTIONS)
    detector = load_supernet(trained, SPACE).extract(arch)
    path = save_weights(tmp_path / "w.safetensors", detector, info)
    with pytest.raises(CheckpointError, match="the weights of one detector, detnas-nano:0000000"):
        run_search_in(tmp_path / "run", settings=replace(SETTINGS, start=path))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("training", "message"),
    [
        (replace(SHORT, group_by_aspect=True), "group_by_aspect has no groups to make"),
        (TrainSettings(SHORT, split_asked=True), "split, score_split, flip and scale have no"),
    ],
)
def test_settings_of_images_with_boxes_are_refused(
    run_search_in: Search, pictures: Path, tmp_path: Path, training: Any, message: str
) -> None:
    changes = {"settings": CLASSIFYING, "data_dir": pictures, "training": training}
    with pytest.raises(EvaluatorError, match=message):
        run_search_in(tmp_path / "run", **changes)
    assert not (tmp_path / "run").exists()
