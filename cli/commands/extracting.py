"""Take a detector out of a supernet: ``extract``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import Budget, Device, Json, RequiredData, Target, to_file
from ..printing import emit
from ..progress import shown_progress


def extract(
    target: Target,
    data: RequiredData,
    output: Annotated[Path, to_file("Weights (.safetensors).")],
    supernet: Annotated[
        Path | None,
        typer.Option("--weights", help="Weights of the supernet; a run brings its own."),
    ] = None,
    images: Annotated[
        int, typer.Option(min=2, help="Training images for the normalisation statistics.")
    ] = 500,
    budget_ms: Budget = None,
    workers: Annotated[
        int, typer.Option("--data-workers", min=0, help="Processes that read images.")
    ] = 0,
    device: Device = "cpu",
    json_: Json = False,
) -> None:
    """Write the weights that a supernet lends an architecture, without training it further.

    `detfit data score`, `export` and `train --recipe ... --weights` take them as any others.

    Example: `detfit extract run --data shapes -o inherited.safetensors`
    """
    from dataclasses import asdict

    from search import extract_finalist

    with shown_progress() as progress:
        found = extract_finalist(
            str(target),
            data,
            output,
            supernet=supernet,
            images=images,
            budget_ms=budget_ms,
            device=device,
            workers=workers,
            progress=progress,
        )
    fields = {name: str(v) if isinstance(v, Path) else v for name, v in asdict(found).items()}
    emit(fields, json_)
