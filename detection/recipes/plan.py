"""What a run by a recipe will do, before it does it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .resolve import ResolvedRecipe
from .schema import load_recipe, recipe_names

if TYPE_CHECKING:
    from ..training.timing import StepTime

NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Hold everything that a run by a recipe is made of.

    Attributes:
        recipe: Resolved.
        target: What is trained.
        input_hw: Height and width of the images.
        images: In an epoch.
        images_source: Where that number comes from.
        step_time: Measured on this machine, or ``None``.
    """

    recipe: ResolvedRecipe
    target: str
    input_hw: tuple[int, int]
    images: int
    images_source: str
    step_time: StepTime | None = None

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
        """Return the hours of one process on this machine, without reading images."""
        if self.step_time is None:
            return None
        images = self.steps * self.recipe.config.batch_size
        return images * self.step_time.seconds_per_image / 3600


def describe_plan(plan: TrainingPlan) -> dict[str, Any]:
    """Return the whole plan as plain data, every value with its source."""
    recipe, config = plan.recipe, plan.recipe.config
    height, width = plan.input_hw
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
        "options": [asdict(item) for item in recipe.options],
        "settings": [asdict(item) for item in recipe.settings],
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
    return {
        "seconds": per_step,
        "measured": f"{time.seconds:.4g} s for {time.images} images at "
        f"{time.input_hw[1]}x{time.input_hw[0]}, {time.precision}, {time.device}, "
        f"{time.threads} threads, one process, scaled by images, without reading them",
    }


def describe_recipes() -> list[dict[str, str]]:
    """Return the shipped recipes in short."""
    files = [(name, load_recipe(name).file) for name in recipe_names()]
    return [
        {"recipe": name, "title": file.title, "trains": file.trains, "target": file.target}
        for name, file in files
    ]
