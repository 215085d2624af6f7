"""How a search trains: what was asked for, as it fits the images."""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING

from ..errors import EvaluatorError

if TYPE_CHECKING:
    from detection import TrainConfig, TrainSettings


def whole_settings(training: TrainConfig | TrainSettings) -> TrainSettings:
    """Return settings with those of the images, the usual ones where none are given.

    Raises:
        EvaluatorError: Scores are asked for on the way of a training.
    """
    from detection import TrainSettings

    settings = training if isinstance(training, TrainSettings) else TrainSettings(training)
    if settings.config.evaluate_every:
        raise EvaluatorError(
            "a search scores what it has trained once, at the end of a training; leave "
            f"evaluate_every={settings.config.evaluate_every} out"
        )
    return settings


def fitted(settings: TrainSettings, images: Sized, device: str) -> TrainSettings:
    """Return the settings for so many images, once it is known that a step can be done.

    Raises:
        DatasetError: There are fewer images than a batch takes.
        TrainingError: The device is not here.
    """
    from detection import require_trainable

    found = settings.for_images(len(images))
    require_trainable(images, found.config, device)
    return found


def require_here(settings: TrainSettings, device: str) -> None:
    """Refuse a training that this machine would end once the folder is the run's.

    Args:
        settings: Of the training.
        device: That is here.

    Raises:
        TrainingError: The device cannot train in the precision, or TensorBoard is not installed.
    """
    from detection import require_computable

    require_computable(settings.config, device)


def told_changes(settings: TrainSettings) -> dict[str, str]:
    """Return what followed from what was asked for, as a note of the run."""
    return {"changes": "; ".join(settings.changes)} if settings.changes else {}
