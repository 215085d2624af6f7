"""What a run by a recipe will do, before it does it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from ..training.config import TrainConfig
from .keys import OWN_KEYS, has_effect
from .resolve import ASKED, ResolvedRecipe, Setting
from .schema import load_recipe, recipe_names

if TYPE_CHECKING:
    from ..training.timing import StepTime

NOT_MEASURED = "not measured"
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Hold everything that a run by a recipe is made of.

    Attributes:
        recipe: Resolved, for these images.
        target: What is trained.
        input_hw: Height and width of the images.
        images: In an epoch.
        images_source: Where that number comes from.
        step_time: Measured on this machine, or ``None``.
        options: What the space is made with; ``None`` for the recipe's own.
        start: What was named to start from; ``None`` for what the recipe says.
        precision: What the device computes in, where that is known.
    """

    recipe: ResolvedRecipe
    target: str
    input_hw: tuple[int, int]
    images: int
    images_source: str
    step_time: StepTime | None = None
    options: tuple[Setting, ...] | None = None
    start: str | None = None
    precision: str | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Return how many full batches there are."""
        return self.images // self.recipe.config.batch_size

    @property
    def steps(self) -> int:
        """Return the optimiser steps of the whole run."""
        return self.recipe.config.total_steps(self.steps_per_epoch)

    @property
    def drop_steps(self) -> tuple[int, ...]:
        """Return the first step of every lower learning rate."""
        return tuple(round(drop * self.steps) for drop in self.recipe.config.drops)

    @property
    def hours(self) -> float | None:
        """Return the hours of one process on this machine, without reading images and scoring."""
        if self.step_time is None:
            return None
        images = self.steps * self.recipe.config.batch_size
        return images * self.step_time.seconds_per_image / 3600

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Return every setting of the run with its source.

        That is the paper, its code or ``ours`` for the recipe's own, ``asked for``, what a value
        follows from, or ``default``.
        """
        said = {item.name: item for item in self.recipe.settings}
        if self.start is not None:
            said["start"] = Setting("start", self.start, ASKED)
        usual = {item.name: item for item in (*self._loop_defaults(), *self._own_defaults())}
        return tuple((usual | said).values())

    def _loop_defaults(self) -> list[Setting]:
        """Return the settings of the loop that have one value, drops in their own form aside."""
        config = self.recipe.config
        rows = [
            Setting(field.name, getattr(config, field.name), DEFAULT)
            for field in fields(TrainConfig)
            if field.name != "drops" and getattr(config, field.name) is not None
        ]
        if self.precision is None:
            return rows
        here = Setting("precision", config.precision, f"{DEFAULT}: {self.precision} here")
        return [here if row.name == here.name else row for row in rows]

    def _own_defaults(self) -> list[Setting]:
        """Return the other settings, where what is trained heeds them."""
        from ..data.augment import TrainAugment

        recipe = self.recipe
        images, usual = recipe.train_settings.images, TrainAugment(self.input_hw)
        values = {
            "flip": usual.flip,
            "label_smoothing": 0.0,
            "macs_bins": 0,
            "scale": usual.scale,
            "score_split": images.scored,
            "split": images.split,
            "start": "scratch",
        }
        sources = {"score_split": f"{DEFAULT}: what belongs to split {images.split}"}
        return [
            Setting(name, values[name], sources.get(name, DEFAULT))
            for name in OWN_KEYS
            if name in values and has_effect(name, recipe.trains, recipe.task)
        ]


def describe_plan(plan: TrainingPlan) -> dict[str, Any]:
    """Return the whole plan as plain data, every value with its source."""
    recipe, config = plan.recipe, plan.recipe.config
    height, width = plan.input_hw
    options = recipe.options if plan.options is None else plan.options
    return {
        "recipe": recipe.name,
        "title": recipe.title,
        "paper": recipe.paper,
        "trains": f"{recipe.trains}, {recipe.task}",
        "target": plan.target,
        "input": f"{width}x{height}",
        "data": {
            "paper": recipe.data.name,
            "images": plan.images,
            "source": plan.images_source,
        },
        "options": [asdict(item) for item in options],
        "settings": [asdict(item) for item in plan.settings],
        "changes": list(recipe.changes),
        "steps_per_epoch": plan.steps_per_epoch,
        "iterations": plan.steps,
        "drops_at": list(plan.drop_steps),
        "lr": config.lr,
        "batch_size": config.batch_size,
        "step": _measured(plan),
        "hours": NOT_MEASURED if plan.hours is None else plan.hours,
    }


def _measured(plan: TrainingPlan) -> Any:
    time = plan.step_time
    if time is None:
        return NOT_MEASURED
    per_step = time.seconds_per_image * plan.recipe.config.batch_size
    paths = time.path_seconds
    mean = f", mean of {len(paths)} paths ({min(paths):.4g} to {max(paths):.4g} s)"
    return {
        "seconds": per_step,
        "measured": f"{time.seconds:.4g} s for {time.images} images at "
        f"{time.input_hw[1]}x{time.input_hw[0]}{mean if len(paths) > 1 else ''}, "
        f"{time.precision}, {time.device}, {time.threads} threads, one process, scaled by images, "
        "without reading them and without scoring",
    }


def describe_recipes() -> list[dict[str, str]]:
    """Return the shipped recipes in short."""
    files = [(name, load_recipe(name).file) for name in recipe_names()]
    return [
        {"recipe": name, "title": file.title, "trains": file.trains, "target": file.target}
        for name, file in files
    ]
