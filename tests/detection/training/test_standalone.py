"""From data to weights: what is refused, what is written, what loads back."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from detection import (
    CheckpointError,
    CocoDataset,
    DatasetError,
    Detector,
    ImageSettings,
    Preprocess,
    ShapesRecipe,
    TrainConfig,
    TrainedDetector,
    TrainingError,
    TrainSettings,
    load_weights,
    open_split,
    open_training_data,
    read_weights_info,
    require_classes,
    require_trainable,
    score_detector,
    train_detector,
    write_shapes,
)
from searchspaces import Architecture, DetectorSpec, make_space
from tests.detection.variants import VARIANTS

OPTIONS = {"head": "retinanet", "input_hw": (64, 64), "num_classes": 2}
RECIPE = ShapesRecipe(
    num_train=10, num_val=3, image_hw=(64, 64), size_px=(32, 56), num_classes=2, objects=(0, 2)
)
CONFIG = TrainConfig(
    steps=4, batch_size=2, lr=0.01, optimizer="adamw", log_every=1, checkpoint_every=2, seed=3
)
SPACE = make_space("detnas-nano", **OPTIONS)
ARCH = SPACE.decode("0123012301")
Progress = Callable[[str, float, float], None]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("shapes"), RECIPE)


def run(data: Path, output: Path, **changes: Any) -> TrainedDetector:
    usual: dict[str, Any] = {"config": CONFIG, "space_options": OPTIONS}
    return train_detector(SPACE, ARCH, data, output=output, **usual | changes)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, shapes: Path) -> TrainedDetector:
    return run(shapes, tmp_path_factory.mktemp("trained") / "w.safetensors")


def test_the_weights_load_back_to_identical_outputs(trained: TrainedDetector) -> None:
    detector = Detector(SPACE.detector(ARCH))
    load_weights(trained.weights, detector)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        mine, theirs = trained.detector(images), detector.eval()(images)
    for a, b in zip(mine, theirs, strict=True):
        assert torch.equal(a, b)
    assert not trained.detector.training


def test_the_weights_say_what_they_are(trained: TrainedDetector) -> None:
    info = read_weights_info(trained.weights)
    assert (info.space, info.architecture) == ("detnas-nano", "01-23-0123-01")
    assert (info.num_classes, info.label_names) == (2, ("circle", "square"))
    assert info.space_options == {**OPTIONS, "input_hw": [64, 64]}
    assert info.notes["seed"] == 3
    assert info.notes["config"]["steps"] == 4
    assert info.notes["ap"] == trained.accuracy.ap
    assert trained.training.steps == 4
    assert trained.accuracy.n_images == 3


def test_the_accuracy_is_that_of_the_validation_split(
    trained: TrainedDetector, shapes: Path
) -> None:
    again = score_detector(trained.detector, open_split(shapes, "val", Preprocess((64, 64))))
    np.testing.assert_array_equal(again.numbers, trained.accuracy.numbers)


def test_equal_seeds_give_equal_weights(
    trained: TrainedDetector, shapes: Path, tmp_path: Path
) -> None:
    state = torch.get_rng_state()
    again = run(shapes, tmp_path / "w.safetensors")
    assert torch.equal(torch.get_rng_state(), state)
    assert again.weights.read_bytes() == trained.weights.read_bytes()
    other = run(shapes, tmp_path / "o.safetensors", config=replace(CONFIG, seed=4))
    assert other.weights.read_bytes() != trained.weights.read_bytes()


class KilledError(Exception):
    """Stands for the end of a process."""


def die_at(step: int) -> Progress:
    def progress(message: str, done: float, total: float) -> None:
        if done >= step:
            raise KilledError

    return progress


@pytest.mark.parametrize("step", [1, 3, 4])
def test_a_killed_training_goes_on_as_if_undisturbed(
    trained: TrainedDetector, shapes: Path, tmp_path: Path, step: int
) -> None:
    output = tmp_path / "w.safetensors"
    with pytest.raises(KilledError):
        run(shapes, output, progress=die_at(step))
    assert not output.exists()
    resumed = run(shapes, output, resume=True)
    assert output.read_bytes() == trained.weights.read_bytes()
    assert resumed.training.resumed_at == (2 if step > 2 else 0)
    assert resumed.training.history == trained.training.history


def test_resuming_a_finished_training_does_no_step(
    trained: TrainedDetector, shapes: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(trained.weights.parent, tmp_path / "copy"))
    heard: list[str] = []
    again = run(
        shapes,
        folder / "w.safetensors",
        resume=True,
        progress=lambda message, *_: heard.append(message),
    )
    assert set(heard) == {"detecting"}  # no step, but the score
    assert again.training.resumed_at == 4
    assert again.weights.read_bytes() == trained.weights.read_bytes()


def test_finished_and_unfinished_work_is_not_overwritten(
    trained: TrainedDetector, shapes: Path, tmp_path: Path
) -> None:
    before = trained.weights.read_bytes()
    with pytest.raises(CheckpointError, match=r"w\.safetensors exists already; go on .* --resume"):
        run(shapes, trained.weights)
    assert trained.weights.read_bytes() == before
    with pytest.raises(KilledError):
        run(shapes, tmp_path / "w.safetensors", progress=die_at(3))
    with pytest.raises(CheckpointError, match="step-00000002 exists already"):
        run(shapes, tmp_path / "w.safetensors")
    assert (tmp_path / "w.training" / "step-00000002").is_dir()


def test_another_architecture_does_not_go_on(
    trained: TrainedDetector, shapes: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(trained.weights.parent, tmp_path / "copy"))
    other = SPACE.decode("3333333333")
    told = r"target: 'detnas-nano:01-23-0123-01' then, 'detnas-nano:33-33-3333-33' now"
    with pytest.raises(CheckpointError, match=told):
        train_detector(
            SPACE,
            other,
            shapes,
            CONFIG,
            folder / "w.safetensors",
            space_options=OPTIONS,
            resume=True,
        )


def test_other_options_of_the_space_do_not_go_on(
    trained: TrainedDetector, shapes: Path, tmp_path: Path
) -> None:
    """The weights would fit: nothing else would tell."""
    folder = Path(shutil.copytree(trained.weights.parent, tmp_path / "copy"))

    def resume(**options: Any) -> TrainedDetector:
        made_with = {**OPTIONS, **options}
        space, output = make_space("detnas-nano", **made_with), folder / "w.safetensors"
        return train_detector(
            space, ARCH, shapes, CONFIG, output, space_options=made_with, resume=True
        )

    with pytest.raises(CheckpointError) as caught:
        resume(input_hw=(96, 64), shuffle="interleave")
    told = "(options.input_hw: [64, 64] then, [96, 64] now; options.shuffle: None then, 'inter"
    assert told in str(caught.value)
    assert resume(norm="bn", input_hw=[64, 64]).training.resumed_at == 4  # what it was, said


def test_other_images_do_not_go_on(trained: TrainedDetector, shapes: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained.weights.parent, tmp_path / "copy"))
    data = Path(shutil.copytree(shapes, tmp_path / "data"))
    output = folder / "w.safetensors"
    assert run(data, output, resume=True).training.resumed_at == 4  # a folder may be moved
    path = data / "annotations" / "instances_train.json"
    document = json.loads(path.read_text())
    document["annotations"][0]["bbox"][2] -= 1
    path.write_text(json.dumps(document))
    with pytest.raises(CheckpointError, match=r"\(data: '[0-9a-f]{16}' then, '[0-9a-f]*' now\)"):
        run(data, output, resume=True)


def test_checkpoints_that_do_not_tell_what_is_trained_go_on(
    trained: TrainedDetector, shapes: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(trained.weights.parent, tmp_path / "copy"))
    for path in folder.glob("w.training/step-*/state.pt"):
        content = torch.load(path, weights_only=True)
        assert content["others"].keys() == {"data", "options", "target"}
        torch.save({**content, "others": {}}, path)
    assert run(shapes, folder / "w.safetensors", resume=True).training.resumed_at == 4


def test_a_given_start_is_used(trained: TrainedDetector, shapes: Path, tmp_path: Path) -> None:
    start = Detector(SPACE.detector(ARCH))
    load_weights(trained.weights, start)
    still = TrainConfig(steps=1, batch_size=2, lr=1e-12, weight_decay=0.0)
    moved = run(shapes, tmp_path / "w.safetensors", config=still, start=start)
    before = dict(trained.detector.named_parameters())
    for name, value in moved.detector.named_parameters():
        assert torch.allclose(value, before[name], atol=1e-9)


# --- refusals


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"config": replace(CONFIG, batch_size=64)}, DatasetError, "no full batch of 64"),
        ({"device": "cuda:99"}, TrainingError, "cannot train on device 'cuda:99'"),
        ({"device": "tpu"}, TrainingError, "cannot train on device 'tpu'.*; use cpu"),
    ],
)
def test_refusals_are_one_line_and_write_nothing(
    shapes: Path, tmp_path: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        run(shapes, tmp_path / "new" / "w.safetensors", **changes)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_validation_split_is_met_before_the_training(
    shapes: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(shapes, tmp_path / "data"))
    (data / "annotations" / "instances_val.json").unlink()
    with pytest.raises(DatasetError, match="'val' is no split"):
        run(data, tmp_path / "w.safetensors")
    assert not (tmp_path / "w.training").exists()


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ({"annotations": []}, r"instances_val\.json: none of its 3 images holds an object"),
        ({"annotations": [], "images": []}, r"instances_val\.json: no image is left to read"),
        ("crowd", "none of its 3 images holds an object that is no crowd"),
    ],
)
def test_nothing_to_score_on_is_met_before_the_training(
    shapes: Path, tmp_path: Path, kept: Any, message: str
) -> None:
    data = Path(shutil.copytree(shapes, tmp_path / "data"))
    path = data / "annotations" / "instances_val.json"
    document = json.loads(path.read_text())
    if kept == "crowd":
        for row in document["annotations"]:
            row["iscrowd"] = 1
    else:
        document |= kept
    path.write_text(json.dumps(document))
    with pytest.raises(DatasetError, match=message) as caught:
        run(data, tmp_path / "w.safetensors")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "w.training").exists()


@pytest.mark.parametrize("swap", [True, False])
def test_splits_of_other_classes_are_refused(shapes: Path, tmp_path: Path, swap: bool) -> None:
    """Labels are positions: two files with the same names in another order would mix them."""
    data = Path(shutil.copytree(shapes, tmp_path / "data"))
    path = data / "annotations" / "instances_val.json"
    document = json.loads(path.read_text())
    first, second = document["categories"]
    if swap:
        first["name"], second["name"] = second["name"], first["name"]
    else:
        document["categories"].append({"id": 9, "name": "star"})
    path.write_text(json.dumps(document))
    with pytest.raises(DatasetError, match=r"has the classes .* but instances_train\.json has"):
        run(data, tmp_path / "w.safetensors")
    assert not (tmp_path / "w.training").exists()


def test_another_number_of_classes_is_refused(shapes: Path) -> None:
    with pytest.raises(DatasetError, match=r"2 classes \(circle, square\), the detector 80; give"):
        open_training_data(shapes, (64, 64), 80)


def test_images_without_an_object_are_left_out_of_training(shapes: Path) -> None:
    dataset = open_training_data(shapes, (64, 64), 2)
    document = json.loads((shapes / "annotations" / "instances_train.json").read_text())
    with_objects = {row["image_id"] for row in document["annotations"]}
    assert len(with_objects) < len(document["images"])
    assert {image.id for image in dataset.annotations.images} == with_objects
    require_classes(dataset, 2)
    require_trainable(dataset, replace(CONFIG, batch_size=len(dataset)), "cpu")
    assert isinstance(dataset, CocoDataset)


@pytest.mark.gpu
def test_training_on_a_gpu(shapes: Path, tmp_path: Path) -> None:
    result = run(shapes, tmp_path / "w.safetensors", device="cuda:0")
    detector = Detector(SPACE.detector(ARCH))
    load_weights(result.weights, detector)
    assert next(result.detector.parameters()).is_cuda
    assert result.accuracy.n_images == 3


class MaskedSpace:
    """One detector with masks, as far as training asks for a space."""

    name = "masked"
    spec = replace(VARIANTS["mask_rcnn"], input_hw=(64, 64), num_classes=2)

    def detector(self, arch: Architecture) -> DetectorSpec:
        return self.spec

    def encode(self, arch: Architecture) -> str:
        return "only"


def test_a_detector_with_masks_learns_and_is_scored_on_them(shapes: Path, tmp_path: Path) -> None:
    trained = train_detector(
        MaskedSpace(),  # type: ignore[arg-type]
        ARCH,
        shapes,
        replace(CONFIG, steps=2),
        tmp_path / "w.safetensors",
        space_options={},
    )
    assert "mask" in trained.training.history[-1].losses
    assert trained.accuracy.masks is not None
    assert trained.accuracy.masks.iou_type == "segm"
    assert read_weights_info(trained.weights).notes["mask_ap"] == trained.accuracy.masks.ap


def test_data_without_outlines_cannot_train_masks(shapes: Path, tmp_path: Path) -> None:
    bare = Path(shutil.copytree(shapes, tmp_path / "bare"))
    path = bare / "annotations" / "instances_train.json"
    document = json.loads(path.read_text())
    for row in document["annotations"]:
        del row["segmentation"]
    path.write_text(json.dumps(document))
    with pytest.raises(DatasetError, match=r"annotations\[0\]\.segmentation: missing"):
        train_detector(
            MaskedSpace(),  # type: ignore[arg-type]
            ARCH,
            bare,
            CONFIG,
            tmp_path / "w.safetensors",
            space_options={},
        )
    assert len(open_training_data(bare, (64, 64), 2)) > 0


def test_scores_on_the_way_and_the_best_weights(shapes: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, evaluate_every=2, keep_best=True)
    found = run(shapes, tmp_path / "w.safetensors", config=config)
    scored = [row for row in found.training.history if row.scores]
    assert [row.step for row in scored] == [2, 4]
    best = found.training.best
    assert best is not None
    assert best.score == max(row.scores["ap"] for row in scored)
    assert found.accuracy.ap == pytest.approx(best.score, abs=1e-6)
    assert read_weights_info(found.weights).notes["ap"] == found.accuracy.ap
    validation = open_split(shapes, "val", Preprocess((64, 64)))
    assert score_detector(found.detector, validation).ap == pytest.approx(best.score, abs=1e-6)


@pytest.mark.parametrize("name", ["w", "w.pt", "w.training"])
def test_weights_are_named_as_such(shapes: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=rf"such as {name}\.safetensors"):
        run(shapes, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_the_images_are_a_part_of_what_a_run_is(shapes: Path, tmp_path: Path) -> None:
    output, config = tmp_path / "w.safetensors", replace(CONFIG, steps=1)
    settings = TrainSettings(config, ImageSettings(flip=0.0))
    run(shapes, output, config=settings)
    with pytest.raises(CheckpointError, match=r"flip: 0\.0 then, None now"):
        run(shapes, output, config=config, resume=True)
    assert run(shapes, output, config=settings, resume=True).training.resumed_at == 1


def test_images_that_score_are_not_trained_on(shapes: Path, tmp_path: Path) -> None:
    settings = TrainSettings(CONFIG, ImageSettings("train+val"))
    with pytest.raises(DatasetError, match=r"split val, which scores, shares \d images"):
        run(shapes, tmp_path / "w.safetensors", config=settings)
    assert not list(tmp_path.iterdir())


def test_a_warm_up_leaves_the_run_time_to_learn(shapes: Path, tmp_path: Path) -> None:
    told: list[str] = []
    config = replace(CONFIG, warmup_steps=500)
    found = run(shapes, tmp_path / "w.safetensors", config=config, tell=told.append)
    assert told == ["warmup_steps 500 -> 0, as the run is of 4 steps"]
    notes = read_weights_info(found.weights).notes
    assert (notes["changes"], notes["config"]["warmup_steps"]) == (told, 0)
    assert max(row.lr for row in found.training.history) == CONFIG.lr
