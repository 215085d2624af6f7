"""Every recipe takes two real steps at reduced size, and what it leaves is what the next takes."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from detection import (
    BackboneClassifier,
    CheckpointError,
    DatasetError,
    RecipeTask,
    ShapesRecipe,
    Supernet,
    TrainedDetector,
    TrainedWeights,
    TrainingError,
    draw_split,
    load_recipe,
    load_weights,
    plan_training,
    read_weights_info,
    recipe_names,
    resolve_recipe,
    train_by_recipe,
    write_shapes,
)
from detection.training.recipe_task import CLASSIFICATION_HW, MEASURED_PATHS
from detection.training.starts import load_start
from searchspaces import make_space, parse_arch

SIDE = 64
TINY: dict[str, Any] = {"input_hw": (SIDE, SIDE), "num_classes": 3}
ONE_STAGE = "resnet18/P3-P6@128/none/retinanet/512x512"
SLIM = {"base_channels": 8, "head": "retinanet"}
# What stands in for the papers' networks: the same families, small.
TARGETS: dict[str, tuple[str, dict[str, Any]]] = {
    "smnas-stage-one": (f"smnas-structural:{ONE_STAGE}", {}),
    "smnas-stage-two": ("smnas-modular:basicblock_48_11-2-2-2@128", {"structure": ONE_STAGE}),
    "smnas-final-2x": ("zoo:E0", {"proposals": 20}),
    "smnas-pretrain": ("zoo:E0", {"proposals": 20}),
    "crnas": ("crnas-resnet18:1-1-2-4/00101021", SLIM),
    "crnas-supernet-stages": ("crnas-resnet18-stages", SLIM),
    "crnas-supernet-operations": ("crnas-resnet18-operations", SLIM),
    "detnas-supernet": ("detnas-nano", {}),
    "detnas": ("detnas-nano:0123012301", {}),
}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = ShapesRecipe(num_train=5, num_val=2, image_hw=(SIDE, SIDE), size_px=(16, 48))
    return write_shapes(tmp_path_factory.mktemp("shapes"), recipe)


@pytest.fixture(scope="module")
def classified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classified")
    rng = np.random.default_rng(0)
    for split, count in (("train", 3), ("val", 1)):
        for name in ("cat", "dog"):
            (folder / split / name).mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(0, 256, (80, 90, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{index}.png")
    return folder


@pytest.fixture(autouse=True)
def _small_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let classified images be 64 pixels wide; the size itself has its own test."""
    monkeypatch.setattr("detection.training.recipe_task.CLASSIFICATION_HW", (SIDE, SIDE))


def task_of(name: str, start: str | None = "scratch", **asked: Any) -> RecipeTask:
    key = max((key for key in TARGETS if name.startswith(key)), key=len)
    target, options = TARGETS[key]
    file = load_recipe(name).file
    given = {"batch_size": 2, **({} if "epochs" in asked else {"steps": 2}), **asked}
    if (file.trains, file.task) == ("supernet", "detection"):
        given.setdefault("split", "train")  # as the small folder is not split further
    recipe = resolve_recipe(name, given)
    wanted = {"head", "norm", "structure"}
    own = {item.name: item.value for item in recipe.options if item.name in wanted}
    merged = {**own, **options, **TINY}
    if recipe.trains == "supernet":
        return RecipeTask(recipe, make_space(target, **merged), None, merged, start)
    if name == "detnas-final-1x-retinanet":
        merged["head"] = "retinanet"
    space, architecture = parse_arch(target, **merged)
    return RecipeTask(recipe, space, architecture, merged, start)


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_takes_two_real_steps(
    name: str, shapes: Path, classified: Path, tmp_path: Path
) -> None:
    task = task_of(name)
    data = classified if task.classifies else shapes
    before = {key: value.clone() for key, value in task.fresh().state_dict().items()}
    trained = train_by_recipe(task, data, tmp_path / "w.safetensors")
    assert trained.training.steps == 2
    assert all(np.isfinite(row.total) for row in trained.training.history)
    info = read_weights_info(trained.weights)
    assert info.notes["recipe"] == name
    assert info.notes["config"]["steps"] == 2
    after = task.fresh()
    load_weights(trained.weights, after)
    changed = [k for k, v in after.state_dict().items() if not torch.equal(v, before[k])]
    assert any("backbone" in key for key in changed)
    scored = task.architecture is not None and not task.classifies
    assert isinstance(trained, TrainedDetector) == scored


def test_classification_reports_top1_of_a_detector_alone(classified: Path, tmp_path: Path) -> None:
    alone = train_by_recipe(task_of("crnas-pretrain"), classified, tmp_path / "a.safetensors")
    paths = train_by_recipe(
        task_of("detnas-supernet-pretrain"), classified, tmp_path / "b.safetensors"
    )
    assert isinstance(alone, TrainedWeights)
    assert isinstance(paths, TrainedWeights)
    assert alone.top1 in (0.0, 0.5, 1.0)
    assert paths.top1 is None


def backbone(root: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {key: value for key, value in root.state_dict().items() if "backbone_" in key}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("detnas-supernet-pretrain", "detnas-supernet-coco"),
        ("crnas-supernet-stages-pretrain", "crnas-supernet-stages"),
        ("crnas-pretrain", "crnas-final-1x"),
        ("smnas-pretrain", "smnas-final-2x"),
        ("detnas-pretrain", "detnas-final-1x-fpn"),
    ],
)
def test_fine_tuning_starts_from_the_pre_trained_backbone(
    first: str, second: str, classified: Path, tmp_path: Path
) -> None:
    trained = train_by_recipe(task_of(first), classified, tmp_path / "w.safetensors")
    taken = task_of(second, start=str(trained.weights)).root()
    given = task_of(first).fresh()
    load_weights(trained.weights, given)
    state, learnt = taken.state_dict(), backbone(given)
    assert all(torch.equal(state[name], value) for name, value in learnt.items())
    fresh = task_of(second).fresh().state_dict()
    rest = fresh.keys() - learnt.keys()
    assert rest
    assert all(torch.equal(state[name], fresh[name]) for name in rest)


def test_a_start_has_to_be_named_and_to_fit(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"give --weights FILE .*, --weights imagenet"):
        train_by_recipe(task_of("smnas-final-2x", start=None), shapes, tmp_path / "w.safetensors")
    assert not list(tmp_path.iterdir())
    with pytest.raises(TrainingError, match="no weights of supernets"):
        task_of("detnas-supernet-coco", start="imagenet").root()
    with pytest.raises(CheckpointError, match=r"gone\.safetensors: no such weights file"):
        task_of("smnas-final-2x", start=str(tmp_path / "gone.safetensors")).root()
    with pytest.raises(CheckpointError, match="no network that torchvision publishes"):
        task_of("smnas-final-2x", start="imagenet").root()
    trained = train_by_recipe(task_of("smnas-final-2x"), shapes, tmp_path / "e0.safetensors")
    other = task_of("crnas-final-1x").fresh()
    with pytest.raises(CheckpointError, match="does not fit the model"):
        load_start(other, str(trained.weights))


def test_finished_work_is_kept_and_resumed(shapes: Path, tmp_path: Path) -> None:
    task = task_of("detnas-supernet-voc")
    first = train_by_recipe(task, shapes, tmp_path / "w.safetensors")
    content = first.weights.read_bytes()
    with pytest.raises(CheckpointError, match="exists already; go on with it by --resume"):
        train_by_recipe(task, shapes, tmp_path / "w.safetensors")
    info = load_weights(first.weights, Supernet(task.space))  # with every path
    assert info.architecture is None
    assert info.label_names == ("circle", "square", "triangle")
    again = train_by_recipe(task, shapes, tmp_path / "w.safetensors", resume=True)
    assert again.training.resumed_at == 2
    assert first.weights.read_bytes() == content


@pytest.mark.parametrize("name", ["smnas-stage-two", "detnas-supernet-coco", "crnas-pretrain"])
def test_a_plan_counts_the_data_and_measures_a_step(
    name: str, shapes: Path, classified: Path
) -> None:
    task = task_of(name)
    plan = plan_training(task, classified if task.classifies else shapes)
    assert plan.images == (6 if task.classifies else 5)
    assert plan.step_time is not None
    paths = MEASURED_PATHS if task.architecture is None else 1
    assert len(plan.step_time.path_seconds) == paths
    assert plan.step_time.seconds > 0
    assert plan.step_time.input_hw == (SIDE, SIDE)
    assert plan.hours == pytest.approx(4 * plan.step_time.seconds_per_image / 3600)
    unmeasured = plan_training(task, measure=False)
    assert unmeasured.images == task.recipe.data.images
    assert unmeasured.hours is None


def test_paths_may_be_drawn_over_bins_of_cost() -> None:
    steps = range(20)
    macs = []
    for bins in (0, 8):
        task = task_of("detnas-supernet-pretrain", macs_bins=bins)
        learner, _ = task.learner(task.fresh(), 2)
        drawn = [learner(step) for step in steps]
        assert all(isinstance(each, BackboneClassifier) for each in drawn)
        macs.append([each.detector.spec.macs()["backbone"] for each in drawn])  # type: ignore[attr-defined]
    assert np.std(macs[1]) > np.std(macs[0])


def test_the_sizes_of_the_papers() -> None:
    assert CLASSIFICATION_HW == (224, 224)
    recipe = resolve_recipe("crnas-final-voc")
    options = {item.name: item.value for item in recipe.options}
    space, architecture = parse_arch(recipe.target, **options, num_classes=20)
    task = RecipeTask(recipe, space, architecture, options)
    assert task.input_hw == (600, 1000)
    assert task.target == "zoo:CR-ResNet50"


@pytest.mark.parametrize(
    ("other", "changes", "message"),
    [
        ("detnas-supernet-voc", {"macs_bins": 4}, r"macs_bins: None then, 4 now"),
        (
            "detnas-supernet-voc",
            {"scale": [0.5, 2]},
            r"scale: \[1\.0, 1\.0\] then, \[0\.5, 2\] now",
        ),
        ("detnas-supernet-coco", {}, "recipe: .detnas-supernet-voc. then, .detnas-supernet-coco"),
    ],
)
def test_another_procedure_does_not_go_on(
    shapes: Path, tmp_path: Path, other: str, changes: dict[str, Any], message: str
) -> None:
    first = task_of("detnas-supernet-voc", steps=1)
    train_by_recipe(first, shapes, tmp_path / "w.safetensors")
    again = task_of(other, **{"steps": 1, **changes})
    with pytest.raises(CheckpointError, match=message):
        train_by_recipe(again, shapes, tmp_path / "w.safetensors", resume=True)
    same = train_by_recipe(first, shapes, tmp_path / "w.safetensors", resume=True)
    assert same.training.resumed_at == 1


@pytest.mark.parametrize(
    ("name", "steps"), [("detnas-supernet-voc", 1), ("smnas-final-2x", 1), ("crnas-pretrain", 1)]
)
def test_another_input_does_not_go_on(
    name: str, steps: int, shapes: Path, classified: Path, tmp_path: Path
) -> None:
    first = task_of(name, steps=steps)
    data, output = classified if first.classifies else shapes, tmp_path / "w.safetensors"
    train_by_recipe(first, data, output)
    options = {**first.options, "input_hw": (2 * SIDE, SIDE)}
    space = make_space(first.space.name, **options)
    again = replace(first, space=space, options=options)
    told = r"options\.input_hw: \[64, 64\] then, \[128, 64\] now"
    with pytest.raises(CheckpointError, match=told):
        train_by_recipe(again, data, output, resume=True)
    assert train_by_recipe(first, data, output, resume=True).training.resumed_at == steps


def test_other_classified_images_do_not_go_on(classified: Path, tmp_path: Path) -> None:
    task, output = task_of("crnas-pretrain", steps=1), tmp_path / "w.safetensors"
    data = Path(shutil.copytree(classified, tmp_path / "data"))
    train_by_recipe(task, classified, output)
    assert train_by_recipe(task, data, output, resume=True).training.resumed_at == 1
    (data / "train" / "cat" / "0.png").rename(data / "train" / "dog" / "9.png")
    with pytest.raises(CheckpointError, match=r"\(data: '[0-9a-f]{16}' then, '[0-9a-f]*' now\)"):
        train_by_recipe(task, data, output, resume=True)


@pytest.fixture
def own_shapes(shapes: Path, tmp_path: Path) -> Path:
    """A copy of the images that a test may split."""
    return Path(shutil.copytree(shapes, tmp_path / "own"))


def test_a_supernet_learns_what_the_search_leaves_to_it(own_shapes: Path, tmp_path: Path) -> None:
    task = task_of("detnas-supernet-coco", split="archtrain")
    told = rf"detfit data split {own_shapes} --kind arch --hold-out 1$"
    with pytest.raises(DatasetError, match=told):
        train_by_recipe(task, own_shapes, tmp_path / "w.safetensors")
    assert not (tmp_path / "w.training").exists()
    with pytest.raises(DatasetError, match="split archtrain was not drawn yet"):
        plan_training(task, own_shapes, measure=False)
    draw_split(own_shapes, "arch", held_out=2)
    assert plan_training(task, own_shapes, measure=False).images == 3
    assert len(task.open_detection(own_shapes)) == 3
    trained = train_by_recipe(task, own_shapes, tmp_path / "w.safetensors")
    assert trained.training.steps == 2


def test_a_detector_is_scored_on_what_was_held_out(own_shapes: Path, tmp_path: Path) -> None:
    draw_split(own_shapes, "arch", held_out=1)
    task = task_of("smnas-final-2x", split="archtrain")
    trained = train_by_recipe(task, own_shapes, tmp_path / "w.safetensors")
    assert isinstance(trained, TrainedDetector)
    assert trained.accuracy.n_images == 1
    notes = read_weights_info(trained.weights).notes
    assert (notes["split"], notes["score_split"]) == ("archtrain", "archval")
    other = task_of("smnas-final-2x", split="archtrain", score_split="val")
    scored = train_by_recipe(other, own_shapes, tmp_path / "o.safetensors")
    assert isinstance(scored, TrainedDetector)
    assert scored.accuracy.n_images == 2


@pytest.mark.parametrize(
    ("split", "score_split", "shared"),
    [("train", "train", 5), ("train+val", "val", 2), ("train", "archval", 1)],
)
def test_what_scores_is_never_trained_on(
    own_shapes: Path, tmp_path: Path, split: str, score_split: str, shared: int
) -> None:
    draw_split(own_shapes, "arch", held_out=1)
    task = task_of("smnas-final-2x", split=split, score_split=score_split)
    told = f"split {score_split}, which scores, shares {shared} images with split "
    for run in (
        lambda: train_by_recipe(task, own_shapes, tmp_path / "w.safetensors"),
        lambda: plan_training(task, own_shapes, measure=False),
    ):
        with pytest.raises(DatasetError, match=told.replace("+", r"\+")) as caught:
            run()
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "w.training").exists()


@pytest.mark.parametrize("name", ["smnas-final-2x", "detnas-supernet-voc", "crnas-pretrain"])
def test_a_warm_up_longer_than_the_run_is_cut_and_told(
    name: str, shapes: Path, classified: Path, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"warmup_steps": 40} if name == "crnas-pretrain" else {}
    task = task_of(name, epochs=1, **asked)
    data = classified if task.classifies else shapes
    plan = plan_training(task, data, measure=False)
    before, total = task.recipe.config.warmup_steps, 3 if task.classifies else 2
    said = f"warmup_steps {before} -> 0, as the run is of {total} steps"
    assert plan.recipe.changes[-1] == said
    told: list[str] = []
    trained = train_by_recipe(task, data, tmp_path / "w.safetensors", tell=told.append)
    assert told == [*task.recipe.changes, said]
    assert trained.training.steps == total
    notes = read_weights_info(trained.weights).notes
    assert notes["changes"] == told
    assert notes["config"]["warmup_steps"] == 0
    again = train_by_recipe(task, data, tmp_path / "w.safetensors", resume=True)
    assert again.training.resumed_at == total


def test_a_step_is_not_measured_where_nothing_can_be_computed() -> None:
    task = task_of("smnas-final-2x")
    with pytest.raises(TrainingError, match="cannot train on device 'cuda:99'"):
        plan_training(task, device="cuda:99")
    plan = plan_training(task, device="cuda:99", measure=False)
    assert plan.precision is None
    assert plan_training(task, measure=False).precision == "fp32"


def test_a_plan_names_the_options_of_the_space() -> None:
    plan = plan_training(task_of("detnas-supernet-coco"), measure=False)
    rows = {item.name: (item.value, item.source) for item in plan.options or ()}
    assert rows["head"] == ("fpn", "paper, ablations: FPN")
    assert rows["input_hw"] == ([SIDE, SIDE], "asked for, or the run's")
    plan = plan_training(make_recipe_of("crnas-final-voc"), measure=False)
    assert {item.source for item in plan.options or () if item.name == "num_classes"} == {
        "classes of PASCAL VOC 07+12 trainval"
    }


def make_recipe_of(name: str) -> RecipeTask:
    """Return what a recipe trains if nothing is asked for."""
    recipe = resolve_recipe(name)
    options = {item.name: item.value for item in recipe.options}
    options["num_classes"] = recipe.data.classes
    space, architecture = parse_arch(recipe.target, **options)
    return RecipeTask(recipe, space, architecture, options)
