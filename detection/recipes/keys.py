"""Every setting of a training by name: what its values are, and what it has an effect on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from ..data.splits.kinds import TRAIN
from ..errors import TrainingError
from ..training.config import TrainConfig
from ..training.settings import ImageSettings

DETECTOR, SUPERNET = "detector", "supernet"
DETECTION, CLASSIFICATION = "detection", "classification"
STARTS = ("scratch", "pretrained")
STEP_SCHEDULE = "step"
USUAL_SCHEDULE = str({field.name: field.default for field in fields(TrainConfig)}["schedule"])
LENGTHS = {"steps", "epochs"}

Check = Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_split(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_number, value))


def _is_range(value: Any) -> bool:
    return _are_numbers(value) and len(value) == 2 and 0 < value[0] <= value[1]


KINDS: dict[str, tuple[str, Check]] = {
    "int": ("a whole number", _is_count),
    "float": ("a number", _is_number),
    "str": ("a text", lambda value: isinstance(value, str)),
    "bool": ("true or false", lambda value: isinstance(value, bool)),
}
OWN_KEYS: dict[str, tuple[str, Check]] = {
    "drops": ("a list of epochs or steps such as [8, 11]", _are_numbers),
    "flip": ("a probability 0..1", lambda value: _is_number(value) and 0 <= value <= 1),
    "label_smoothing": ("0..1, without 1", lambda value: _is_number(value) and 0 <= value < 1),
    "macs_bins": ("how many, 0 for none", lambda value: _is_count(value) and value >= 0),
    "scale": ("two factors such as [0.8, 1.25]", _is_range),
    "score_split": ("a split such as val or archval", _is_split),
    "split": ("a split such as train or archtrain", _is_split),
    "start": (" or ".join(STARTS), lambda value: value in STARTS),
}
"""Settings that are not TrainConfig's, or not in its form: what a value is, and its check."""

KEYS: dict[str, tuple[str, Check]] = {
    **{
        field.name: KINDS[str(field.type).partition(" ")[0]]
        for field in fields(TrainConfig)
        if field.name != "drops"
    },
    **OWN_KEYS,
}
"""Every setting by name: what its values are, and their check."""

_ONLY: dict[str, tuple[str, ...]] = {
    "flip": (DETECTION,),
    "label_smoothing": (CLASSIFICATION,),
    "macs_bins": (SUPERNET,),
    "scale": (DETECTION,),
    "score_split": (DETECTOR, DETECTION),
    "split": (DETECTION,),
}
"""Setting -> what has to be trained, or to be learnt, for it to have an effect."""


def has_effect(key: str, trains: str, task: str) -> bool:
    """Return whether a setting changes anything.

    Args:
        key: Of `KEYS`.
        trains: ``detector`` or ``supernet``.
        task: ``detection`` or ``classification``.
    """
    return set(_ONLY.get(key, ())) <= {trains, task}


def check_settings(values: Mapping[str, Any], trains: str, task: str) -> None:
    """Refuse settings that there are not, that cannot be, or that nothing would heed.

    Args:
        values: By name.
        trains: ``detector`` or ``supernet``.
        task: ``detection`` or ``classification``.

    Raises:
        TrainingError: There is such a setting; one line.
    """
    for key, value in values.items():
        _check(key, value)
        if not has_effect(key, trains, task):
            raise TrainingError(
                f"setting {key} has no effect where a {trains} learns {task}; leave it out"
            )


def _check(key: str, value: Any) -> None:
    if key not in KEYS:
        close = get_close_matches(key, KEYS, n=3)
        hint = f"did you mean {', '.join(close)}? " if close else ""
        raise TrainingError(f"no setting {key!r}; {hint}there are {', '.join(sorted(KEYS))}")
    what, fits = KEYS[key]
    if not fits(value):
        raise TrainingError(f"setting {key} must be {what}, got {value!r}")


def check_asked(asked: Mapping[str, Any], schedule: str) -> None:
    """Refuse settings that were asked for and exclude each other.

    Args:
        asked: By name.
        schedule: Of the run.

    Raises:
        TrainingError: There are two lengths, or drops that the schedule does not have.
    """
    if asked.keys() >= LENGTHS:
        raise TrainingError("ask for steps or for epochs, not for both")
    if "drops" in asked and schedule != STEP_SCHEDULE:
        raise TrainingError(
            f"drops belong to the schedule {STEP_SCHEDULE}, got schedule {schedule}; set "
            f"schedule={STEP_SCHEDULE}, or leave drops out"
        )


def config_of(values: Mapping[str, Any]) -> TrainConfig:
    """Return the loop's settings; drops, in epochs or steps, become shares of the run.

    Args:
        values: By name; others than the loop's are left out.

    Raises:
        TrainingError: A value is out of its range.
    """
    known = {field.name for field in fields(TrainConfig)} - {"drops"}
    chosen = {name: value for name, value in values.items() if name in known}
    length = values.get("epochs", values.get("steps"))
    if length and values.get("schedule") == STEP_SCHEDULE:
        chosen["drops"] = tuple(drop / length for drop in values.get("drops", ()))
    return TrainConfig(**chosen)


def images_of(values: Mapping[str, Any]) -> ImageSettings:
    """Return the settings of a detector's images, usual ones where nothing is said."""
    scale = values.get("scale")
    return ImageSettings(
        values.get("split", TRAIN),
        values.get("score_split"),
        values.get("flip"),
        None if scale is None else (scale[0], scale[1]),
    )
