"""Data sets: ``data check``, ``data split``, and what was learnt from them: ``data score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..exits import exit_unless
from ..options import Device, Json, Seed
from ..printing import emit
from ..progress import shown_progress

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="Data in COCO's, VOC's, BDD100K's or ImageNet's way.")
]


def data_check(
    folder: Folder,
    split: Annotated[
        list[str] | None, typer.Option(help="Check this split only; repeatable; a+b joins two.")
    ] = None,
    quick: Annotated[
        bool, typer.Option(help="Read only the headers of images, not their pixels.")
    ] = False,
    threads: Annotated[int, typer.Option(min=1, max=256, help="Threads that read images.")] = 2,
    json_: Json = False,
) -> None:
    """Count images, objects and classes, and read every image, before a training does.

    Exit code 1 if anything would stop a training: annotations that cannot be read, images that
    are missing, damaged or of another size, splits of different classes.

    Example: `detfit data check coco --json`
    """
    from detection import check_data, describe_check, summarize_check

    with shown_progress() as progress:
        found = check_data(folder, split or (), quick=quick, threads=threads, progress=progress)
    emit(describe_check(found), json_, summarize_check(found))
    exit_unless(found.passed)


def data_split(
    folder: Folder,
    kind: Annotated[
        str, typer.Option(help="arch: archtrain and archval; minival: trainval35k and minival.")
    ] = "arch",
    source: Annotated[
        str | None,
        typer.Option("--from", help="Split to hold out of; train for arch, val for minival."),
    ] = None,
    hold_out: Annotated[int, typer.Option(min=1, help="Images to hold out.")] = 5000,
    seed: Seed = 0,
    json_: Json = False,
) -> None:
    """Hold images out of a split at random, as the papers do for their searches.

    Both parts are saved in DIR/splits and are from then on splits by name.

    Example: `detfit data split coco --kind arch --hold-out 5000 --seed 0`
    """
    from dataclasses import asdict

    from detection import draw_split

    drawn = draw_split(folder, kind, source=source, held_out=hold_out, seed=seed)
    rows = [{**asdict(item), "path": str(item.path)} for item in drawn]
    emit(rows, json_)


def data_score(
    weights: Annotated[Path, typer.Argument(metavar="WEIGHTS", help="Weights of `detfit train`.")],
    folder: Folder,
    split: Annotated[str, typer.Option(help="Split to score on; a+b joins two.")] = "val",
    metric: Annotated[
        str, typer.Option(help="coco: AP by IoU and size; voc: AP50, whole and by 11 points.")
    ] = "coco",
    batch_size: Annotated[int, typer.Option(min=1, max=100_000, help="Images at once.")] = 8,
    workers: Annotated[
        int, typer.Option("--data-workers", min=0, help="Processes that read images.")
    ] = 0,
    device: Device = "cpu",
    json_: Json = False,
) -> None:
    """Score trained weights on a split, class by class, in percent.

    Example: `detfit data score winner.safetensors VOCdevkit --split test2007 --metric voc`
    """
    from detection import score_weights

    with shown_progress() as progress:
        score = score_weights(
            weights,
            folder,
            split,
            metric=metric,
            batch_size=batch_size,
            device=device,
            workers=workers,
            progress=progress,
        )
    emit(score.to_dict(), json_, score.rows())
