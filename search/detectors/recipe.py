"""Train as a recipe of a paper says: a named architecture, a run's best, or a supernet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from searchspaces import make_space

from ..choosing.finalist import choose_finalist, refuse_budget, refuse_options
from ..errors import RunError
from ..views.describe import describe_training, scores_of

if TYPE_CHECKING:
    from detection import RecipeTask, TrainedDetector, TrainedWeights


def make_recipe_task(
    recipe: str,
    asked: Mapping[str, Any] | None = None,
    *,
    target: str | None = None,
    options: Mapping[str, Any] | None = None,
    start: str | None = None,
    budget_ms: float | None = None,
) -> RecipeTask:
    """Decide what a recipe trains.

    Args:
        recipe: Its name.
        asked: Settings that replace the recipe's.
        target: ``SPACE:CODE`` or the folder of a run; the space where the recipe trains a
            supernet; the recipe's own if left out.
        options: Of the space, before the recipe's; a run has its own.
        start: ``scratch``, ``imagenet`` or a weights file; the recipe's own if left out.
        budget_ms: For a run: largest predicted latency; the run's own budget if left out.

    Raises:
        TrainingError: The recipe or a setting is unknown, or a value cannot be.
        ArchitectureError: The target is neither a run nor an architecture.
        UnknownSpaceError: There is no such space.
        SearchSpaceError: The space does not take an option.
        RunError: The target names one architecture where a supernet is trained; the run has no
            result within the budget, or is given options; or there is no run to give a budget.
    """
    from detection import RecipeTask, resolve_recipe

    resolved = resolve_recipe(recipe, asked)
    target = resolved.target if target is None else target
    merged = {item.name: item.value for item in resolved.options} | dict(options or {})
    if resolved.task == "detection":
        merged.setdefault("num_classes", resolved.data.classes)
    if resolved.trains != "supernet":
        refuse_options(target, options)
        chosen = choose_finalist(target, budget_ms=budget_ms, options=merged)
        if chosen.folder is None:
            refuse_budget(target, budget_ms)
        return RecipeTask(resolved, chosen.space, chosen.architecture, chosen.options, start)
    if ":" in target:
        raise RunError(
            f"recipe {recipe} trains a supernet, which no single architecture is; name its space, "
            f"such as {resolved.target}, got {target}"
        )
    refuse_budget(target, budget_ms)
    return RecipeTask(resolved, make_space(target, **merged), None, merged, start)


def describe_trained(trained: TrainedDetector | TrainedWeights) -> dict[str, Any]:
    """Return where the weights are, how training went, and the accuracy where there is one."""
    from detection import TrainedDetector

    if isinstance(trained, TrainedDetector):
        return describe_training(trained)
    training = trained.training
    return {
        "weights": str(trained.weights),
        "steps": training.steps,
        "resumed_at": training.resumed_at,
        "seconds": training.seconds,
        "loss": training.history[-1].total if training.history else None,
        "best_step": None if training.best is None else training.best.step,
        "top1": None if trained.top1 is None else 100 * trained.top1,
        "scores": scores_of(training),
    }
