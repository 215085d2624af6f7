"""The papers' figures after resolving, and what follows from what is asked for."""

from typing import Any

import pytest

from detection import TrainingError, describe_plan, describe_recipes, recipe_names, resolve_recipe
from detection.recipes.plan import TrainingPlan
from detection.training.optimizer import drop_steps, learning_rate
from detection.training.timing import StepTime

COCO, VOC = 118_287, 16_551
# Recipe, images, and the papers' own figures: steps, peak and last rate, first steps of drops.
PAPERS = [
    ("smnas-stage-one", COCO, 5 * (COCO // 32), 0.04, 0.0001, ()),
    ("smnas-stage-two", COCO, 9 * (COCO // 64), 0.24, 0.0001, ()),
    ("smnas-final-2x", COCO, 24 * (COCO // 32), 0.04, 0.0004, (16 / 24, 22 / 24)),
    ("detnas-supernet-pretrain", 1_281_167, 300_000, 0.5, 0.0, ()),
    ("detnas-supernet-coco", 113_287, 90_000, 0.02, 0.0002, (60_000, 80_000)),
    ("detnas-supernet-coco-retinanet", 113_287, 90_000, 0.01, 0.0001, (60_000, 80_000)),
    ("detnas-supernet-voc", 11_551, 22_500, 0.02, 0.0002, (15_000, 20_000)),
    ("detnas-supernet-voc-retinanet", 11_551, 22_500, 0.01, 0.0001, (15_000, 20_000)),
    ("detnas-final-1x-fpn", COCO, 90_000, 0.02, 0.0002, (60_000, 80_000)),
    ("detnas-final-1x-retinanet", COCO, 90_000, 0.01, 0.0001, (60_000, 80_000)),
    ("crnas-pretrain", 1_281_167, 150 * 1251, 0.4, 0.0, ()),
    ("crnas-supernet-stages-pretrain", 1_281_167, 150 * 1251, 0.4, 0.0, ()),
    ("crnas-supernet-operations-pretrain", 1_281_167, 150 * 1251, 0.4, 0.0, ()),
    ("crnas-supernet-stages", 130_000, 25 * 8125, 0.02, 0.0002, (16 / 25, 22 / 25)),
    ("crnas-supernet-operations", 130_000, 25 * 8125, 0.02, 0.0002, (16 / 25, 22 / 25)),
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
    plan = TrainingPlan(recipe, "x", (1, 1), 113_287, "here")
    assert plan.drop_steps == (240_000, 320_000)
    assert "lr 0.02 at batch 16 -> 0.005 at batch 4 (linear scaling" in recipe.changes[0]
    cosine = resolve_recipe("smnas-stage-one", {"batch_size": 64}).config
    assert (cosine.lr, cosine.final_lr) == pytest.approx((0.08, 0.0002))


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
    ],
)
def test_bad_settings_are_one_clear_line(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message) as caught:
        resolve_recipe("crnas-final-1x", asked)
    assert "\n" not in str(caught.value)


def test_another_schedule_needs_no_drops() -> None:
    config = resolve_recipe("crnas-final-1x", {"schedule": "cosine"}).config
    assert (config.schedule, config.drops) == ("cosine", ())


def test_a_plan_says_what_is_measured() -> None:
    recipe = resolve_recipe("crnas-final-voc")
    plan = describe_plan(TrainingPlan(recipe, "zoo:E0", (600, 1000), VOC, "here"))
    assert (plan["step"], plan["hours"]) == ("not measured", "not measured")
    assert (plan["iterations"], plan["steps_per_epoch"]) == (18 * 1034, 1034)
    assert plan["drops_at"] == [15 * 1034, 17 * 1034]
    assert all(set(row) == {"name", "value", "source"} for row in plan["settings"])
    time = StepTime(3.0, 2, (600, 1000), "cpu", "fp32", 1)
    measured = describe_plan(TrainingPlan(recipe, "zoo:E0", (600, 1000), VOC, "here", time))
    assert measured["step"]["seconds"] == 24.0
    assert measured["hours"] == pytest.approx(18 * 1034 * 24 / 3600)
    assert "3 s for 2 images at 1000x600, fp32, cpu, 1 threads" in measured["step"]["measured"]
