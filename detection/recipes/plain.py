"""The settings of a training without a recipe: the usual ones, and what was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import TrainingError
from ..training.settings import TrainSettings
from .keys import (
    DETECTION,
    DETECTOR,
    USUAL_SCHEDULE,
    check_asked,
    check_settings,
    config_of,
    images_of,
)

USUAL_STEPS = 90_000  # DetNAS, sec. 4.1: fine-tuning on COCO
USUAL_WARMUP = 500  # the field's usual; a tenth of a shorter run
SCORING = ("score_split",)
"""Settings of what is scored: a search scores the paths of its supernet, as detectors are."""


def resolve_settings(asked: Mapping[str, Any], trains: str = DETECTOR) -> TrainSettings:
    """Decide every setting of a training to detect without a recipe.

    Args:
        asked: By name, as for :func:`detection.resolve_recipe`; taken as they are, without a
            procedure that others could follow. Those of how a supernet's paths are drawn are
            checked, and left to who draws them.
        trains: ``detector``, or ``supernet`` for that of a search.

    Raises:
        TrainingError: A setting is unknown or a recipe's alone, or a value is of another kind or
            out of its range.

    Example:
        >>> resolve_settings({"steps": 100, "ema_decay": 0.999}).config.warmup_steps
        10
    """
    if "start" in asked:
        raise TrainingError("setting start is a recipe's; give --recipe NAME, or leave it out")
    _check(asked, trains)
    check_asked(asked, asked.get("schedule", USUAL_SCHEDULE))
    usual: dict[str, Any] = {"warmup_steps": USUAL_WARMUP}
    if "epochs" not in asked:
        steps = asked.get("steps", USUAL_STEPS)
        usual = {"steps": steps, "warmup_steps": min(USUAL_WARMUP, steps // 10)}
    config = config_of(usual | dict(asked))
    return TrainSettings(
        config,
        images_of(asked),
        warmup_asked="warmup_steps" in asked,
        split_asked="split" in asked,
    )


def _check(asked: Mapping[str, Any], trains: str) -> None:
    """Refuse what there is not, or what has no effect on what is trained and scored."""
    scoring = {name: value for name, value in asked.items() if name in SCORING}
    learning = {name: value for name, value in asked.items() if name not in SCORING}
    check_settings(learning, trains, DETECTION)
    check_settings(scoring, DETECTOR, DETECTION)
