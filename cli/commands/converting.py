"""Turn trained weights into ones with batch normalisation: ``convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import Device, Json, RequiredData, to_file
from ..printing import emit
from ..progress import shown_progress

NORM = "bn"


def to_bn(value: str) -> str:
    """Refuse another normalisation than the one that can be converted to.

    Raises:
        typer.BadParameter: If it is another.
    """
    if value != NORM:
        raise typer.BadParameter(f"'{value}' is not {NORM}, the only one that is converted to.")
    return value


def convert(
    weights: Annotated[
        Path, typer.Argument(metavar="WEIGHTS", help="Of `detfit train`, with norm=gn_ws or gn.")
    ],
    data: RequiredData,
    output: Annotated[Path, to_file("Weights (.safetensors).")],
    norm: Annotated[str, typer.Option(callback=to_bn, help="To convert to: bn.")] = NORM,
    images: Annotated[
        int, typer.Option(min=2, help="Training images for the normalisation statistics.")
    ] = 500,
    split: Annotated[str, typer.Option(help="Split of these images.")] = "train",
    score_split: Annotated[
        str | None,
        typer.Option(help="Split to score on, before and after; that of the training, if there."),
    ] = None,
    workers: Annotated[
        int, typer.Option("--data-workers", min=0, help="Processes that read images.")
    ] = 0,
    device: Device = "cpu",
    json_: Json = False,
) -> None:
    """Give weights that learnt with group normalisation batch normalisation, for deployment.

    Nothing is trained: statistics are computed from training images. That costs AP, and the
    result says how much, where the data has images to score on.

    Example: `detfit convert weights.safetensors --norm bn --data coco -o bn.safetensors`
    """
    from detection import convert_weights

    with shown_progress() as progress:
        found = convert_weights(
            weights,
            data,
            output,
            images=images,
            split=split,
            score_split=score_split,
            device=device,
            workers=workers,
            progress=progress,
        )
    emit(found.to_dict(), json_)
