"""Settings without a recipe: the usual ones, what was asked for, and what is refused."""

from typing import Any

import pytest

from detection import TrainConfig, TrainingError, resolve_recipe, resolve_settings
from detection.recipes.keys import KEYS

PROCEDURE = {"start", "label_smoothing", "macs_bins"}  # what only a recipe gives a meaning


def test_the_usual_settings() -> None:
    settings = resolve_settings({})
    assert settings.config == TrainConfig(steps=90_000, warmup_steps=500)
    images = settings.images
    assert (images.split, images.scored, images.flip, images.scale) == ("train", "val", None, None)
    assert not settings.warmup_asked
    assert not settings.split_asked
    assert settings.changes == ()


def test_what_is_asked_for_is_taken_as_it_is() -> None:
    asked = {"batch_size": 4, "ema_decay": 0.999, "accumulate": 2, "split": "archtrain"}
    settings = resolve_settings({**asked, "scale": [1, 1], "flip": 0, "warmup_steps": 7})
    config = settings.config
    assert (config.batch_size, config.accumulate, config.ema_decay) == (4, 2, 0.999)
    assert (config.lr, config.warmup_steps) == (0.02, 7)  # no procedure whose batch they follow
    images = settings.images
    assert (images.scored, images.flip, images.scale) == ("archval", 0, (1, 1))
    assert settings.warmup_asked
    assert settings.split_asked


def test_lengths_and_drops() -> None:
    epochs = resolve_settings({"epochs": 12, "schedule": "step", "drops": [8, 11]})
    assert (epochs.config.steps, epochs.config.epochs) == (None, 12)
    assert epochs.config.drops == pytest.approx((8 / 12, 11 / 12))
    assert epochs.config.warmup_steps == 500
    short = epochs.for_images(80)
    assert short.config.warmup_steps == 6
    assert short.changes == ("warmup_steps 500 -> 6, as the run is of 60 steps",)
    assert resolve_settings({"steps": 100}).config.warmup_steps == 10


OTHER: dict[str, Any] = {  # than the usual value
    "accumulate": 2,
    "batch_size": 4,
    "channels_last": False,
    "checkpoint_every": 7,
    "checkpoint_minutes": 0.5,
    "decay_all": True,
    "drop_factor": 0.5,
    "ema_decay": 0.9,
    "epochs": 3,
    "evaluate_every": 5,
    "final_lr": 0.01,
    "flip": 0,
    "grad_clip": 0,
    "group_by_aspect": True,
    "log_every": 3,
    "lr": 1,
    "momentum": 0.5,
    "optimizer": "adamw",
    "precision": "bf16",
    "scale": (1, 2),
    "schedule": "linear",
    "score_split": "minival",
    "seed": 5,
    "split": "all",
    "steps": 9,
    "sync_bn": False,
    "tensorboard": True,
    "warmup_steps": 11,
    "weight_decay": 0.0,
    "workers": 2,
}


def test_every_setting_can_be_set() -> None:
    assert OTHER.keys() == KEYS.keys() - PROCEDURE - {"drops", "keep_best"}  # which need another
    usual = resolve_settings({})
    for name, value in OTHER.items():
        settings = resolve_settings({name: value})
        before, after = (
            getattr(told.config if hasattr(told.config, name) else told.images, name)
            for told in (usual, settings)
        )
        assert before != value == after


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"epoch": 1}, "no setting 'epoch'; did you mean epochs"),
        ({"lr": "fast"}, "setting lr must be a number, got 'fast'"),
        ({"steps": 3, "epochs": 3}, "ask for steps or for epochs, not for both"),
        ({"epochs": 0}, "steps or epochs must be at least 1, got 0"),
        ({"steps": 0, "schedule": "step", "drops": [1]}, "must be at least 1, got 0"),
        ({"drops": [8]}, "drops belong to the schedule step, got schedule cosine; set schedule"),
        ({"epochs": 9, "schedule": "step", "drops": [20]}, "drops must rise and lie between"),
        ({"start": "scratch"}, "setting start is a recipe's; give --recipe NAME"),
        ({"macs_bins": 8}, "setting macs_bins has no effect where a detector learns detection"),
        ({"label_smoothing": 0.1}, "setting label_smoothing has no effect"),
    ],
)
def test_bad_settings_are_one_clear_line(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message) as caught:
        resolve_settings(asked)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("asked", [{"lr": True}, {"sync_bn": 1}, {"flip": 2}, {"scale": [2, 1]}])
def test_values_are_checked_as_with_a_recipe(asked: dict[str, Any]) -> None:
    with pytest.raises(TrainingError) as plain:
        resolve_settings(asked)
    with pytest.raises(TrainingError) as recipe:
        resolve_recipe("crnas-final-1x", asked)
    assert str(plain.value) == str(recipe.value)


def test_a_supernets_settings_are_taken_where_one_is_trained() -> None:
    asked = {"macs_bins": 8, "score_split": "archval", "steps": 9}
    settings = resolve_settings(asked, "supernet")
    assert (settings.config.steps, settings.images.score_split) == (9, "archval")
    with pytest.raises(TrainingError, match="label_smoothing has no effect where a supernet"):
        resolve_settings({"label_smoothing": 0.1}, "supernet")


def test_a_split_of_a_recipe_was_not_asked_for() -> None:
    assert not resolve_recipe("detnas-supernet-voc").train_settings.split_asked
    asked = resolve_recipe("detnas-supernet-voc", {"split": "train"}).train_settings
    assert asked.split_asked
