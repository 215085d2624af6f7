"""From a recipe and what was asked for to the settings of a run, and what was changed on the way.

The learning rate follows the batch linearly, and steps, drops and warm-up keep the images that
are seen (Goyal et al. 2017, "Accurate, Large Minibatch SGD", the linear scaling rule).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from ..errors import TrainingError
from ..training.config import TrainConfig
from .schema import Recipe, ReferenceData, load_recipe

STARTS = ("scratch", "pretrained")
ASKED = "asked for"
RULE = "linear scaling, Goyal et al. 2017"
SHORTEST = 10  # warm-ups that a run lasts at least, where its length is of another unit


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_number, value))


def _is_range(value: Any) -> bool:
    return _are_numbers(value) and len(value) == 2 and 0 < value[0] <= value[1]


KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "int": ("a whole number", _is_count),
    "float": ("a number", _is_number),
    "str": ("a text", lambda value: isinstance(value, str)),
    "bool": ("true or false", lambda value: isinstance(value, bool)),
}
OWN_KEYS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "drops": ("a list of epochs or steps such as [8, 11]", _are_numbers),
    "flip": ("a probability 0..1", lambda value: _is_number(value) and 0 <= value <= 1),
    "label_smoothing": ("0..1, without 1", lambda value: _is_number(value) and 0 <= value < 1),
    "macs_bins": ("how many, 0 for none", lambda value: _is_count(value) and value >= 0),
    "scale": ("two factors such as [0.8, 1.25]", _is_range),
    "split": ("a split such as train", lambda value: isinstance(value, str) and bool(value)),
    "start": (" or ".join(STARTS), lambda value: value in STARTS),
}
"""Settings that are not TrainConfig's, or not in its form: what a value is, and its check."""

KEYS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **{
        field.name: KINDS[str(field.type).partition(" ")[0]]
        for field in fields(TrainConfig)
        if field.name != "drops"
    },
    **OWN_KEYS,
}
"""Every setting by name: what its values are, and their check."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Name a value of a run and its source."""

    name: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class ResolvedRecipe:
    """Hold a recipe with everything decided.

    Attributes:
        name: Of the recipe.
        title: What is trained.
        paper: Whose procedure it is.
        trains: ``detector`` or ``supernet``.
        task: ``detection`` or ``classification``.
        target: What is trained if nothing else is named.
        data: The paper's.
        options: Options of the space.
        settings: Every value and its source; drops in epochs or steps.
        changes: What follows from what was asked for, one sentence each.
        config: The settings of the loop.
    """

    name: str
    title: str
    paper: str
    trains: str
    task: str
    target: str
    data: ReferenceData
    options: tuple[Setting, ...]
    settings: tuple[Setting, ...]
    changes: tuple[str, ...]
    config: TrainConfig

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting's value."""
        return next((item.value for item in self.settings if item.name == name), default)


def resolve_recipe(name: str, asked: Mapping[str, Any] | None = None) -> ResolvedRecipe:
    """Decide every setting of a run by a recipe.

    Args:
        name: Of the recipe.
        asked: Settings by name that replace the recipe's. A learning rate, length, drops or
            warm-up that is asked for is taken as it is; one that is not follows batch and length.

    Raises:
        TrainingError: The recipe or a setting is unknown, or a value is of another kind or out
            of its range.

    Example:
        >>> resolve_recipe("crnas-final-1x", {"batch_size": 8}).config.lr
        0.01
    """
    recipe = load_recipe(name)
    asked = dict(asked or {})
    for key, value in asked.items():
        _check(key, value)
    file = recipe.file
    given = {key: Setting(key, item.value, item.source) for key, item in file.settings.items()}
    for key, setting in given.items():
        _check(key, setting.value)
    settings, changes = _adapted(given, asked)
    options = tuple(Setting(key, item.value, item.source) for key, item in file.options.items())
    return ResolvedRecipe(
        recipe.name,
        file.title,
        file.paper,
        file.trains,
        file.task,
        file.target,
        file.data,
        options,
        tuple(settings.values()),
        tuple(changes),
        _config(recipe, {item.name: item.value for item in settings.values()}),
    )


def _check(key: str, value: Any) -> None:
    if key not in KEYS:
        close = get_close_matches(key, KEYS, n=3)
        hint = f"did you mean {', '.join(close)}? " if close else ""
        raise TrainingError(f"no setting {key!r}; {hint}there are {', '.join(sorted(KEYS))}")
    what, fits = KEYS[key]
    if not fits(value):
        raise TrainingError(f"setting {key} must be {what}, got {value!r}")


def _adapted(
    given: Mapping[str, Setting], asked: Mapping[str, Any]
) -> tuple[dict[str, Setting], list[str]]:
    """Return all settings, and what changed in those that were not asked for."""
    settings = dict(given)
    if {"steps", "epochs"} <= asked.keys():
        raise TrainingError("ask for steps or for epochs, not for both")
    old = {name: setting.value for name, setting in given.items()}
    for name in ("steps", "epochs"):
        if asked.keys() & {"steps", "epochs"} - {name}:
            settings.pop(name, None)
    settings |= {name: Setting(name, value, ASKED) for name, value in asked.items()}
    changes: list[str] = []
    _follow_batch(settings, old, asked, changes)
    _follow_length(settings, old, asked, changes)
    return settings, changes


def _follow_batch(
    settings: dict[str, Setting],
    old: Mapping[str, Any],
    asked: Mapping[str, Any],
    changes: list[str],
) -> None:
    """Let learning rate and, where they are counted in steps, length and warm-up follow it."""
    batch = settings["batch_size"].value
    if batch < 1:
        raise TrainingError(f"batch_size must be at least 1, got {batch}")
    factor = batch / old["batch_size"]
    if factor == 1:
        return
    rates = [name for name in ("lr", "final_lr") if old.get(name)]
    counts = [name for name in ("steps", "warmup_steps") if old.get(name)]
    for name in (*rates, *counts):
        if name in asked or name not in settings:
            continue
        value = old[name] * factor if name in rates else max(round(old[name] / factor), 1)
        said = f"{name} {old[name]:g} at batch {old['batch_size']} -> {value:g} at batch {batch}"
        settings[name] = Setting(name, value, f"{said} ({RULE})")
        changes.append(f"{said} ({RULE})")


def _follow_length(
    settings: dict[str, Setting],
    old: Mapping[str, Any],
    asked: Mapping[str, Any],
    changes: list[str],
) -> None:
    """Let drops and warm-up keep their place in a run of another length."""
    unit = "epochs" if "epochs" in settings else "steps"
    length, before = settings[unit].value, old.get(unit)
    if length < 1:
        raise TrainingError(f"{unit} must be at least 1, got {length}")
    old_unit = "epochs" if "epochs" in old else "steps"
    if unit == old_unit and length == before:
        return
    if "drops" in old and "drops" not in asked:
        drops = [drop * length / old[old_unit] for drop in old["drops"]]
        said = f"drops {_listed(old['drops'])} of {old[old_unit]} {old_unit} -> "
        said += f"{_listed(drops)} of {length} {unit}"
        settings["drops"] = Setting("drops", drops, said)
        changes.append(said)
    if old.get("warmup_steps") and "warmup_steps" not in asked and asked.keys() & {unit}:
        usual = settings["warmup_steps"].value
        share = length / before if before else length / SHORTEST / usual
        warmup = round(usual * min(share, 1.0))
        if warmup != usual:
            said = f"warmup_steps {usual} -> {warmup}, as the run is of {length} "
            settings["warmup_steps"] = Setting("warmup_steps", warmup, said + unit)
            changes.append(said + unit)


def _config(recipe: Recipe, values: dict[str, Any]) -> TrainConfig:
    """Return the loop's settings; drops become shares of the run."""
    known = {field.name for field in fields(TrainConfig)}
    chosen = {name: value for name, value in values.items() if name in known}
    if values.get("schedule") == "step":
        length = values.get("epochs", values.get("steps"))
        chosen["drops"] = tuple(drop / length for drop in values.get("drops", ()))
    else:
        chosen["drops"] = ()
    try:
        return TrainConfig(**chosen)
    except TrainingError as error:
        raise TrainingError(f"recipe {recipe.name}: {error}") from error


def _listed(values: Any) -> str:
    return ", ".join(f"{value:g}" for value in values)
