"""How a search trains: by a paper's recipe, or as it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EvaluatorError

if TYPE_CHECKING:
    from detection import ResolvedRecipe, TrainSettings

TRAINS = {"scratch": "detector", "supernet": "supernet"}
"""Evaluator -> what a recipe has to train for it, to detect."""

LEARNS = {**TRAINS, "classification": "supernet"}
"""Evaluator -> what it trains."""

BEGINS = {"scratch": "--pretrained FOLDER", "supernet": "--start FILE"}
"""Evaluator -> what names the weights that its training begins with."""


@dataclass(frozen=True, slots=True)
class SearchProcedure:
    """Hold how a search trains.

    Attributes:
        training: Settings of every training.
        macs_bins: Bins of multiply-adds that a supernet's paths are drawn over; 0 draws uniformly.
        recipe: The paper's, if one is followed.
    """

    training: TrainSettings
    macs_bins: int = 0
    recipe: str | None = None


def search_procedure(
    evaluator: str,
    recipe: str | None,
    asked: Mapping[str, Any],
    *,
    begins_with: Path | None = None,
) -> SearchProcedure:
    """Decide how a search trains; space and options stay those of the search.

    Args:
        evaluator: That trains: ``supernet``, or ``scratch``, as which anchors are trained, too.
        recipe: Name of the procedure to follow; ``None`` takes what is asked for as it is.
        asked: Settings by name that replace the recipe's.
        begins_with: Weights that the training begins with, if they are named.

    Raises:
        EvaluatorError: The recipe trains something else, or begins with weights that none names.
        TrainingError: The recipe or a setting is unknown, or a value cannot be.
    """
    from detection import resolve_recipe, resolve_settings

    if recipe is None:
        settings = resolve_settings(asked, LEARNS.get(evaluator, "detector"))
        return SearchProcedure(settings, asked.get("macs_bins", 0))
    resolved = resolve_recipe(recipe, asked)
    _require_fitting(evaluator, resolved)
    if resolved.get("start") == "pretrained" and begins_with is None:
        raise EvaluatorError(
            f"recipe {recipe} begins with a pre-trained backbone; give {BEGINS[evaluator]}, or "
            "begin from nothing by --set start=scratch"
        )
    return SearchProcedure(resolved.train_settings, resolved.get("macs_bins", 0), recipe)


def _require_fitting(evaluator: str, recipe: ResolvedRecipe) -> None:
    """Refuse a recipe of something else than the evaluator trains; name those that fit."""
    from detection import load_recipe, recipe_names

    wanted = TRAINS.get(evaluator)
    if wanted is None:
        raise EvaluatorError(
            f"the {evaluator} evaluator follows no recipe; --recipe is for {' and '.join(TRAINS)}"
        )
    if (recipe.trains, recipe.task) == (wanted, "detection"):
        return
    files = {name: load_recipe(name).file for name in recipe_names()}
    fitting = [
        name for name, file in files.items() if (file.trains, file.task) == (wanted, "detection")
    ]
    raise EvaluatorError(
        f"recipe {recipe.name} trains a {recipe.trains} for {recipe.task}, and here a {wanted} is "
        f"trained for detection; by {', '.join(fitting)}"
    )
