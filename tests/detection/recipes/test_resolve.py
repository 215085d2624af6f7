"""The papers' figures after resolving, and what follows from what is asked for."""

from dataclasses import fields
from typing import Any

import pytest

from detection import (
    TrainConfig,
    TrainingError,
    describe_plan,
    describe_recipes,
    load_recipe,
    recipe_names,
    resolve_recipe,
)
from detection.recipes.keys import KEYS
from detection.recipes.plan import TrainingPlan
from detection.training.optimizer import drop_steps, learning_rate
from detection.training.timing import StepTime
from searchspaces import make_space

COCO, VOC = 118_287, 16_551
ARCHTRAIN = COCO - 5_000
# Recipe, images, and the papers' own figures: steps, peak and last rate, first steps of drops.
PAPERS = [
    ("smnas-stage-one", COCO, 5 * (COCO // 32), 0.04, 0.0001, ()),
    ("smnas-stage-two", COCO, 9 * (COCO // 64), 0.24, 0.0001, ()),
    ("smnas-final-2x", COCO, 24 * (COCO // 32), 0.04, 0.0004, (16 / 24, 22 / 24)),
    ("detnas-supernet-pretrain", 1_281_167, 300_000, 0.5, 0.0, ()),
    ("detnas-supernet-coco", ARCHTRAIN, 90_000, 0.02, 0.0002, (60_000, 80_000)),
    ("detnas-supernet-coco-retinanet", ARCHTRAIN, 90_000, 0.01, 0.0001, (60_000, 80_000)),
    ("detnas-supernet-voc", VOC - 5_000, 22_500, 0.02, 0.0002, (15_000, 20_000)),
    ("detnas-supernet-voc-retinanet", VOC - 5_000, 22_500, 0.01, 0.0001, (15_000, 20_000)),
    ("detnas-final-1x-fpn", COCO, 90_000, 0.02, 0.0002, (60_000, 80_000)),
    ("detnas-final-1x-retinanet", COCO, 90_000, 0.01, 0.0001, (60_000, 80_000)),
    ("detnas-supernet-coco-scratch", ARCHTRAIN, 180_000, 0.02, 0.0002, (120_000, 160_000)),
    ("detnas-pretrain", 1_281_167, 300_000, 0.5, 0.0, ()),
    ("smnas-pretrain", 1_281_167, 150 * 1251, 0.4, 0.0, ()),
    ("crnas-pretrain", 1_281_167, 150 * 1251, 0.4, 0.0, ()),
    ("crnas-supernet-stages-pretrain", 1_281_167, 150 * 1251, 0.4, 0.0, ()),
    ("crnas-supernet-operations-pretrain", 1_281_167, 150 * 1251, 0.4, 0.0, ()),
    ("crnas-supernet-stages", ARCHTRAIN, 25 * 7080, 0.02, 0.0002, (16 / 25, 22 / 25)),
    ("crnas-supernet-operations", ARCHTRAIN, 25 * 7080, 0.02, 0.0002, (16 / 25, 22 / 25)),
    ("crnas-final-1x", COCO, 13 * 7392, 0.02, 0.0002, (8 / 13, 11 / 13)),
    ("crnas-final-2x", COCO, 25 * 7392, 0.02, 0.0002, (16 / 25, 22 / 25)),
    ("crnas-final-voc", VOC, 18 * 1034, 0.02, 0.0002, (15 / 18, 17 / 18)),
]


@pytest.mark.parametrize(("name", "images", "steps", "lr", "last", "drops"), PAPERS)
def test_the_papers_schedules(
    name: str, images: int, steps: int, lr: float, last: float, drops: tuple[float, ...]
) -> None:
    recipe = resolve_recipe(name)
    plan = TrainingPlan(recipe, "x", (1, 1), images, "here")
    config = recipe.config
    assert recipe.data.images == images
    assert plan.steps == steps
    expected = tuple(round(drop * steps) if drop < 1 else drop for drop in drops)
    assert plan.drop_steps == drop_steps(steps, config) == expected
    assert config.lr == lr
    assert learning_rate(config.warmup_steps, steps, config) == pytest.approx(lr, rel=0.01)
    assert learning_rate(steps - 1, steps, config) == pytest.approx(last)
    assert recipe.changes == ()


def test_all_recipes_are_compared() -> None:
    assert {row[0] for row in PAPERS} == set(recipe_names())
    assert [row["recipe"] for row in describe_recipes()] == list(recipe_names())


def test_the_rate_follows_the_batch_and_the_steps_keep_the_images() -> None:
    recipe = resolve_recipe("detnas-supernet-coco", {"batch_size": 4})
    assert recipe.config.lr == pytest.approx(0.005)
    assert recipe.config.steps == 360_000
    assert recipe.config.warmup_steps == 2000
    plan = TrainingPlan(recipe, "x", (1, 1), ARCHTRAIN, "here")
    assert plan.drop_steps == (240_000, 320_000)
    assert "lr 0.02 at batch 16 -> 0.005 at batch 4 (linear scaling" in recipe.changes[0]
    cosine = resolve_recipe("smnas-stage-one", {"batch_size": 64}).config
    assert (cosine.lr, cosine.final_lr) == pytest.approx((0.08, 0.0002))


@pytest.mark.parametrize(
    ("batch", "steps", "warmup"),
    [
        (16, 90_000, 500),
        (16, 45_000, 250),
        (16, 180_000, 500),
        (32, 45_000, 250),  # the recipe's images
        (32, 22_500, 125),
        (8, 180_000, 1000),
        (8, 90_000, 500),  # half of them
        (24, 60_000, 333),
    ],
)
def test_a_warm_up_follows_batch_and_steps_once(batch: int, steps: int, warmup: int) -> None:
    recipe = resolve_recipe("detnas-supernet-coco", {"batch_size": batch, "steps": steps})
    assert recipe.config.warmup_steps == warmup
    assert recipe.config.drops == pytest.approx((2 / 3, 8 / 9))
    told = any(sentence.startswith("drops") for sentence in recipe.changes)
    assert told == (steps != 90_000)


def test_a_warm_up_follows_batch_and_epochs_once() -> None:
    asked = {"batch_size": 32, "epochs": 6}
    before = resolve_recipe("crnas-final-1x").config
    assert (before.epochs, before.batch_size, before.warmup_steps) == (13, 16, 500)
    assert resolve_recipe("crnas-final-1x", asked).config.warmup_steps == round(250 * 6 / 13)


def test_what_is_asked_for_is_taken_as_it_is() -> None:
    asked = {"batch_size": 4, "lr": 0.02, "steps": 1000, "drops": [10], "warmup_steps": 3}
    recipe = resolve_recipe("detnas-supernet-coco", asked)
    config = recipe.config
    assert (config.lr, config.steps, config.warmup_steps) == (0.02, 1000, 3)
    assert drop_steps(1000, config) == (10,)
    assert recipe.changes == ()
    assert {item.source for item in recipe.settings if item.name in asked} == {"asked for"}


def test_drops_and_warm_up_keep_their_place_in_another_length() -> None:
    shorter = resolve_recipe("crnas-final-1x", {"epochs": 26})
    assert shorter.get("drops") == [16, 22]
    assert shorter.config.warmup_steps == 500
    two = resolve_recipe("crnas-final-1x", {"steps": 2})
    assert two.config.warmup_steps == 0
    assert two.config.epochs is None
    assert two.config.drops == pytest.approx((8 / 13, 11 / 13))
    assert "drops 8, 11 of 13 epochs -> 1.23077, 1.69231 of 2 steps" in two.changes


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"learning_rate": 1}, "no setting 'learning_rate'; .*there are accumulate, batch_size"),
        ({"epoch": 1}, "no setting 'epoch'; did you mean epochs"),
        ({"lr": "fast"}, "setting lr must be a number, got 'fast'"),
        ({"lr": True}, "setting lr must be a number, got True"),
        ({"lr": -1.0}, "recipe crnas-final-1x: lr must be finite and not negative, got -1"),
        ({"epochs": 1.5}, "setting epochs must be a whole number, got 1.5"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"schedule": "cyclic"}, "recipe crnas-final-1x: schedule 'cyclic' is not one of cosine"),
        ({"drops": [20]}, "recipe crnas-final-1x: drops must rise and lie between 0 and 1"),
        ({"drops": 3}, r"setting drops must be a list of epochs or steps such as \[8, 11\]"),
        ({"steps": 3, "epochs": 3}, "ask for steps or for epochs, not for both"),
        ({"start": "imagenet"}, "setting start must be scratch or pretrained, got 'imagenet'"),
        ({"flip": 2}, "setting flip must be a probability"),
        ({"scale": [2, 1]}, "setting scale must be two factors"),
        ({"sync_bn": 1}, "setting sync_bn must be true or false, got 1"),
        ({"score_split": ""}, "setting score_split must be a split such as val or archval"),
        ({"macs_bins": 8}, "setting macs_bins has no effect where a detector learns detection"),
        ({"label_smoothing": 0.1}, "setting label_smoothing has no effect where a detector"),
        ({"schedule": "cosine", "drops": [8]}, "drops belong to the schedule step, got schedule"),
    ],
)
def test_bad_settings_are_one_clear_line(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message) as caught:
        resolve_recipe("crnas-final-1x", asked)
    assert "\n" not in str(caught.value)


def test_another_schedule_needs_no_drops() -> None:
    recipe = resolve_recipe("crnas-final-1x", {"schedule": "cosine", "epochs": 26})
    config = recipe.config
    assert (config.schedule, config.drops) == ("cosine", ())
    assert recipe.get("drops") is None
    assert recipe.changes == ()


def test_a_plan_says_what_is_measured() -> None:
    recipe = resolve_recipe("crnas-final-voc")
    plan = describe_plan(TrainingPlan(recipe, "zoo:E0", (600, 1000), VOC, "here"))
    assert (plan["step"], plan["hours"]) == ("not measured", "not measured")
    assert (plan["iterations"], plan["steps_per_epoch"]) == (18 * 1034, 1034)
    assert plan["drops_at"] == [15 * 1034, 17 * 1034]
    assert all(set(row) == {"name", "value", "source"} for row in plan["settings"])
    time = StepTime((3.0,), 2, (600, 1000), "cpu", "fp32", 1)
    measured = describe_plan(TrainingPlan(recipe, "zoo:E0", (600, 1000), VOC, "here", time))
    assert measured["step"]["seconds"] == 24.0
    assert measured["hours"] == pytest.approx(18 * 1034 * 24 / 3600)
    assert "3 s for 2 images at 1000x600, fp32, cpu, 1 threads" in measured["step"]["measured"]
    paths = StepTime((2.0, 4.0, 3.0), 2, (600, 1000), "cpu", "fp32", 1)
    several = describe_plan(TrainingPlan(recipe, "zoo:E0", (600, 1000), VOC, "here", paths))
    assert several["hours"] == measured["hours"]
    assert "1000x600, mean of 3 paths (2 to 4 s), fp32" in several["step"]["measured"]


HEEDED = {  # by what is trained; what a run has in any case is left out
    "crnas-final-1x": {"drops", "epochs", "flip", "scale", "score_split", "split"},
    "smnas-stage-one": {"epochs", "flip", "scale", "score_split", "split"},
    "crnas-pretrain": {"epochs", "label_smoothing"},
    "detnas-supernet-pretrain": {"label_smoothing", "macs_bins", "steps"},
    "detnas-supernet-coco": {"drops", "flip", "macs_bins", "scale", "split", "steps"},
}


@pytest.mark.parametrize("name", HEEDED)
def test_a_plan_names_every_setting_and_where_it_comes_from(name: str) -> None:
    asked = {"batch_size": 8, "ema_decay": 0.5}
    recipe = resolve_recipe(name, asked)
    rows = describe_plan(TrainingPlan(recipe, "x", (64, 64), 100, "here"))["settings"]
    sources = {row["name"]: row["source"] for row in rows}
    assert len(sources) == len(rows)
    some = set.union(*HEEDED.values())
    assert sources.keys() == (KEYS.keys() - some) | HEEDED[name]
    own = load_recipe(name).file.settings
    assert {key for key, source in sources.items() if source == "asked for"} == asked.keys()
    assert {key for key, source in sources.items() if source.startswith("default")} == (
        sources.keys() - own.keys() - asked.keys()
    )
    values = {row["name"]: row["value"] for row in rows}
    for field in fields(TrainConfig):
        if field.name in values and field.name != "drops":
            assert values[field.name] == getattr(recipe.config, field.name)


def test_a_plan_names_what_is_started_from_and_what_is_scored() -> None:
    recipe = resolve_recipe("crnas-final-1x", {"split": "archtrain"})
    plan = TrainingPlan(recipe, "x", (64, 64), 100, "here", start="w.pt", precision="fp32")
    rows = {item.name: item for item in plan.settings}
    assert (rows["start"].value, rows["start"].source) == ("w.pt", "asked for")
    assert rows["score_split"].value == "archval"
    assert rows["score_split"].source == "default: what belongs to split archtrain"
    assert (rows["precision"].value, rows["precision"].source) == ("auto", "default: fp32 here")


@pytest.mark.parametrize(
    ("asked", "scored"),
    [
        ({}, "val"),
        ({"split": "archtrain"}, "archval"),
        ({"split": "trainval35k"}, "minival"),
        ({"split": "trainval35k", "score_split": "val2017"}, "val2017"),
    ],
)
def test_what_was_held_out_scores(asked: dict[str, Any], scored: str) -> None:
    images = resolve_recipe("crnas-final-1x", asked).train_settings.images
    assert (images.split, images.scored) == (asked.get("split", "train"), scored)
    assert (images.flip, images.scale) == (0.5, (1.0, 1.0))


def test_supernets_learn_what_the_papers_leave_to_them() -> None:
    for name in recipe_names():
        file = load_recipe(name).file
        if (file.trains, file.task) == ("supernet", "detection"):
            assert resolve_recipe(name).train_settings.images.split == "archtrain"


def test_a_warm_up_leaves_a_short_run_time_to_learn() -> None:
    """Two epochs of 80 images: 667 steps of warm-up before, of a run of 80."""
    recipe = resolve_recipe("smnas-final-2x", {"epochs": 2, "batch_size": 2})
    assert recipe.config.warmup_steps == 667
    fitted = recipe.for_images(80)
    assert fitted.config.warmup_steps == 8
    said = "warmup_steps 667 -> 8, as the run is of 80 steps"
    assert fitted.changes == (*recipe.changes, said)
    assert [item.source for item in fitted.settings if item.name == "warmup_steps"] == [said]
    assert max(learning_rate(step, 80, fitted.config) for step in range(80)) == fitted.config.lr
    assert fitted.for_images(80) == fitted
    assert recipe.for_images(COCO) == recipe


def test_a_warm_up_that_was_asked_for_is_cut_only_where_the_run_would_end_in_it() -> None:
    asked = {"epochs": 2, "batch_size": 2, "warmup_steps": 79}
    recipe = resolve_recipe("smnas-final-2x", asked)
    assert recipe.for_images(80) == recipe
    assert recipe.for_images(79).config.warmup_steps == 7


def test_one_supernet_holds_every_number_of_blocks() -> None:
    for name in ("crnas-supernet-stages", "crnas-supernet-stages-pretrain"):
        options = {item.name: item.value for item in resolve_recipe(name).options}
        assert options["blocks"] == [8, 16, 33]
        space = make_space(resolve_recipe(name).target, **options)
        assert space.size == 9 + 153 + 374


def test_a_warm_up_of_epochs_waits_for_the_images() -> None:
    recipe = resolve_recipe("detnas-supernet-coco", {"epochs": 2})
    assert recipe.config.warmup_steps == 500
    assert recipe.for_images(COCO).config.warmup_steps == 500
    assert recipe.for_images(160).config.warmup_steps == 2
