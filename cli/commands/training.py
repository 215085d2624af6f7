"""Weights and what they are learnt on: ``train``, ``data shapes``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..groups import DetectorOptions, TrainingOptions
from ..options import Budget, Device, Json, RequiredData, Resume, Seed, Target, to_file
from ..printing import emit
from ..progress import shown_progress


def train(
    target: Target,
    data: RequiredData,
    output: Annotated[Path, to_file("Weights (.safetensors).")],
    *,
    detector: DetectorOptions,
    budget_ms: Budget = None,
    inherit: Annotated[
        bool, typer.Option(help="Start from the run's supernet where there is one.")
    ] = True,
    training: TrainingOptions,
    device: Device = "cpu",
    seed: Seed = 0,
    resume: Resume = False,
    json_: Json = False,
) -> None:
    """Train an architecture, or the best of a run, and score it on the val split.

    Example: `detfit train run --data shapes --steps 2000 -o winner.safetensors`
    """
    from search import describe_training, train_finalist

    options = detector.to_space_options()
    with shown_progress() as progress:
        trained = train_finalist(
            target,
            data,
            training.to_config(seed),
            output,
            budget_ms=budget_ms,
            options=options,
            inherit=inherit,
            resume=resume,
            device=device,
            progress=progress,
        )
    emit(describe_training(trained), json_)


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
