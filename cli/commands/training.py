"""Weights and what they are learnt on: ``train``, ``data shapes``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..groups import DetectorOptions, LongTrainingOptions, TrainingOptions
from ..options import Budget, Data, Device, Json, Resume, Seed, to_file
from ..printing import emit, say
from ..progress import shown_progress
from ..recipe_options import RecipeOptions

Output = Annotated[Path | None, to_file("Weights (.safetensors).")]


def train(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="ARCH|RUN|SPACE",
            help="space:code, a run, or a supernet's space; a recipe has its own.",
        ),
    ] = None,
    data: Data = None,
    output: Output = None,
    *,
    detector: DetectorOptions,
    budget_ms: Budget = None,
    inherit: Annotated[
        bool, typer.Option(help="Start from the run's supernet where there is one.")
    ] = True,
    by: RecipeOptions,
    training: TrainingOptions,
    long: LongTrainingOptions,
    device: Device = "cpu",
    seed: Seed = 0,
    resume: Resume = False,
    json_: Json = False,
) -> None:
    """Train an architecture, a run's best or a supernet; score detectors on images kept apart.

    Under torchrun, each process trains its part of every batch; --device cuda takes a GPU each.

    Example: `detfit train run --data shapes --steps 2000 -o winner.safetensors`

    Example: `detfit train zoo:E0 --data coco --evaluate-every 5000 --keep-best -o e0.safetensors`

    Example: `detfit train zoo:E0 --data coco --set epochs=12 --set accumulate=4 -o w.safetensors`

    Example: `detfit train --recipe crnas-final-1x --set batch_size=8 --dry-run`
    """
    from detection import is_first_process
    from search import describe_trained, train_finalist

    options = detector.asked()
    seeded = {"seed": seed} if seed else {}  # 0 is the usual one
    asked = by.asked(training.asked() | long.asked() | seeded)
    if by.recipe is not None:
        _refuse_no_inherit(inherit)
        found = _by_recipe(by, asked, target, options, budget_ms, data, output, device, resume)
    else:
        by.require_recipe()
        _refuse_supernet(target)
        if target is None or data is None or output is None:
            raise typer.BadParameter("a training needs ARCH|RUN, --data and -o.")
        with shown_progress() as progress:
            trained = train_finalist(
                target,
                data,
                training.to_settings(seed, asked),
                output,
                budget_ms=budget_ms,
                options=options,
                inherit=inherit,
                resume=resume,
                device=device,
                tell=say,
                progress=progress,
            )
        found = describe_trained(trained)
    if is_first_process():
        emit(found, json_)


def _by_recipe(
    by: RecipeOptions,
    asked: dict[str, Any],
    target: str | None,
    options: dict[str, Any],
    budget_ms: float | None,
    data: Path | None,
    output: Path | None,
    device: str,
    resume: bool,
) -> Any:
    """Return the list of recipes, a plan, or what a training by a recipe has given."""
    from detection import describe_plan, describe_recipes, plan_training, train_by_recipe
    from search import describe_trained, make_recipe_task

    if by.lists or by.recipe is None:
        return describe_recipes()
    task = make_recipe_task(
        by.recipe, asked, target=target, options=options, start=by.weights, budget_ms=budget_ms
    )
    if by.dry_run:
        return describe_plan(plan_training(task, data, device=device, measure=by.measure))
    if data is None or output is None:
        raise typer.BadParameter("a training needs --data and -o; --dry-run does without.")
    with shown_progress() as progress:
        trained = train_by_recipe(
            task, data, output, resume=resume, device=device, tell=say, progress=progress
        )
    return describe_trained(trained)


def _refuse_no_inherit(inherit: bool) -> None:
    """Refuse what a recipe would not heed: it says by itself what training starts from.

    Raises:
        typer.BadParameter: Inheriting is switched off.
    """
    if not inherit:
        raise typer.BadParameter(
            "--no-inherit is for runs; a recipe starts from --weights, so leave --no-inherit out."
        )


def _refuse_supernet(target: str | None) -> None:
    """Refuse a space where an architecture is asked for.

    Raises:
        typer.BadParameter: The target is the name of a space.
    """
    from searchspaces import SPACES

    if target in SPACES:
        raise typer.BadParameter(
            f"{target} is a space: a recipe trains its supernet (`detfit train --recipe list`); "
            f"an architecture is written {target}:CODE"
        )


def data_shapes(
    folder: Annotated[Path, typer.Argument(help="Folder to write.")],
    train_images: Annotated[int, typer.Option("--train", min=1, help="Training images.")] = 600,
    val_images: Annotated[int, typer.Option("--val", min=1, help="Validation images.")] = 100,
    size: Annotated[str, typer.Option("--size", help="WIDTHxHEIGHT of the images.")] = "160x160",
    classes: Annotated[int, typer.Option(min=1, help="Kinds of shapes.")] = 3,
    seed: Seed = 0,
    json_: Json = False,
) -> None:
    """Generate pictures of shapes with COCO annotations, to try things on.

    Example: `detfit data shapes shapes --train 600 --val 100`
    """
    from detection import ShapesRecipe, write_shapes
    from searchspaces import parse_size

    image_hw = parse_size(size)
    recipe = ShapesRecipe(
        num_train=train_images,
        num_val=val_images,
        image_hw=image_hw,
        num_classes=classes,
        size_px=(0.15 * min(image_hw), 0.45 * min(image_hw)),  # the recipe's own at 160 pixels
        seed=seed,
    )
    with shown_progress() as progress:
        path = write_shapes(folder, recipe, progress=progress)
    emit({"path": str(path), "classes": list(recipe.class_names)}, json_)
