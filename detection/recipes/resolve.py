"""From a recipe and what was asked for to the settings of a run, and what was changed on the way.

The learning rate follows the batch linearly, and steps, drops and warm-up keep the images that
are seen (Goyal et al. 2017, "Accurate, Large Minibatch SGD", the linear scaling rule).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import TrainingError
from ..training.config import TrainConfig
from ..training.settings import TrainSettings
from ..training.warmup import RUN_PER_WARMUP
from .keys import LENGTHS, STEP_SCHEDULE, check_asked, check_settings, config_of, images_of
from .schema import ReferenceData, load_recipe

ASKED = "asked for"
RULE = "linear scaling, Goyal et al. 2017"


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
        settings: Every value of the recipe or asked for, and its source; drops in epochs or steps.
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

    @property
    def train_settings(self) -> TrainSettings:
        """Return the same as a training is told."""
        values = {item.name: item.value for item in self.settings}
        asked = {item.name for item in self.settings if item.source == ASKED}
        return TrainSettings(
            self.config,
            images_of(values),
            warmup_asked="warmup_steps" in asked,
            changes=self.changes,
            split_asked="split" in asked,
        )

    def for_images(self, count: int) -> ResolvedRecipe:
        """Return the same for so many images, with a warm-up that the run has time for.

        Example:
            >>> recipe = resolve_recipe("smnas-final-2x", {"epochs": 2, "batch_size": 2})
            >>> recipe.config.warmup_steps, recipe.for_images(80).config.warmup_steps
            (667, 8)
        """
        fitted = self.train_settings.for_images(count)
        if fitted.config == self.config:
            return self
        said = fitted.changes[-1]
        warmup = Setting("warmup_steps", fitted.config.warmup_steps, said)
        settings = {item.name: item for item in self.settings} | {warmup.name: warmup}
        return replace(
            self,
            settings=tuple(settings.values()),
            changes=fitted.changes,
            config=fitted.config,
        )


def resolve_recipe(name: str, asked: Mapping[str, Any] | None = None) -> ResolvedRecipe:
    """Decide every setting of a run by a recipe.

    Args:
        name: Of the recipe.
        asked: Settings by name that replace the recipe's. A learning rate, length, drops or
            warm-up that is asked for is taken as it is; one that is not follows batch and length.

    Raises:
        TrainingError: The recipe or a setting is unknown, a setting would have no effect, or a
            value is of another kind or out of its range.

    Example:
        >>> resolve_recipe("crnas-final-1x", {"batch_size": 8}).config.lr
        0.01
    """
    recipe = load_recipe(name)
    file, asked = recipe.file, dict(asked or {})
    given = {key: Setting(key, item.value, item.source) for key, item in file.settings.items()}
    for values in (asked, {key: setting.value for key, setting in given.items()}):
        check_settings(values, file.trains, file.task)
    settings, changes = _adapted(given, asked)
    options = tuple(Setting(key, item.value, item.source) for key, item in file.options.items())
    try:
        config = config_of({item.name: item.value for item in settings.values()})
    except TrainingError as error:
        raise TrainingError(f"recipe {recipe.name}: {error}") from error
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
        config,
    )


def _adapted(
    given: Mapping[str, Setting], asked: Mapping[str, Any]
) -> tuple[dict[str, Setting], list[str]]:
    """Return all settings, and what changed in those that were not asked for."""
    settings = dict(given)
    for name in LENGTHS:
        if asked.keys() & LENGTHS - {name}:
            settings.pop(name, None)
    settings |= {name: Setting(name, value, ASKED) for name, value in asked.items()}
    schedule = settings["schedule"].value
    check_asked(asked, schedule)
    if schedule != STEP_SCHEDULE:
        settings.pop("drops", None)
    old = {name: setting.value for name, setting in given.items()}
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
    length = settings[unit].value
    if length < 1:
        raise TrainingError(f"{unit} must be at least 1, got {length}")
    old_unit = "epochs" if "epochs" in old else "steps"
    moved = (unit, length) != (old_unit, old[old_unit])
    if moved and "drops" in settings and "drops" in old and "drops" not in asked:
        drops = [drop * length / old[old_unit] for drop in old["drops"]]
        said = f"drops {_listed(old['drops'])} of {old[old_unit]} {old_unit} -> "
        said += f"{_listed(drops)} of {length} {unit}"
        settings["drops"] = Setting("drops", drops, said)
        changes.append(said)
    if old.get("warmup_steps") and "warmup_steps" not in asked and asked.keys() & {unit}:
        usual, batch = settings["warmup_steps"].value, settings["batch_size"].value
        warmup = _warmup(usual, unit, length, _length_at(batch, unit, old))
        if warmup != usual:
            said = f"warmup_steps {usual} -> {warmup}, as the run is of {length} {unit}"
            settings["warmup_steps"] = Setting("warmup_steps", warmup, said)
            changes.append(said)


def _length_at(batch: int, unit: str, old: Mapping[str, Any]) -> float | None:
    """Return how long a recipe's run of as many images is; ``None`` in another unit than its."""
    if unit not in old:
        return None
    return float(old[unit] * old["batch_size"] / batch if unit == "steps" else old[unit])


def _warmup(usual: int, unit: str, length: int, before: float | None) -> int:
    """Return the warm-up of a run of another length.

    It takes the same part of a shorter run. Where the recipe counts in another unit, that is not
    known: steps leave it a tenth of them, and of epochs the images will tell how long they are.

    Args:
        usual: Of the recipe, at the run's batch.
        unit: That the run is counted in.
        length: Of the run.
        before: Of the recipe's run, at the run's batch.
    """
    if before:
        return round(usual * min(length / before, 1.0))
    return usual if unit == "epochs" else min(usual, round(length / RUN_PER_WARMUP))


def _listed(values: Any) -> str:
    return ", ".join(f"{value:g}" for value in values)
