"""Check the order of a run against real trainings: ``rank``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..exits import exit_unless
from ..groups import TrainingOptions
from ..options import Device, Json, RequiredData, Seed
from ..printing import emit, say
from ..progress import shown_progress
from ..recipe_options import ProcedureOptions


def rank(
    run: Annotated[Path, typer.Argument(help="Folder of a run, finished or not.")],
    data: RequiredData,
    anchors: Annotated[int, typer.Option(min=5, help="Architectures to train.")] = 8,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Kendall's tau that the order has to reach.")
    ] = 0.5,
    pretrained: Annotated[
        Path | None, typer.Option(help="Folder with ImageNet weights to begin with; else none.")
    ] = None,
    *,
    by: ProcedureOptions,
    training: TrainingOptions,
    device: Device = "cpu",
    seed: Seed = 0,
    json_: Json = False,
) -> None:
    """Train some architectures of a run by themselves; does their order confirm the run's?

    Exit code 1 where it does not. A killed command goes on, and more anchors add to those there.

    Example: `detfit rank run --data shapes --anchors 8 --steps 2000`

    By a paper's procedure: `detfit rank run --data coco --recipe smnas-stage-one --pretrained
    weights --threshold 0.6`
    """
    from search import load_result, search_procedure, train_anchors

    asked = {"seed": seed} | by.asked(training.asked())
    procedure = search_procedure("scratch", by.recipe, asked, begins_with=pretrained)
    with shown_progress() as progress:
        found = train_anchors(
            load_result(run),
            data,
            procedure.training,
            anchors,
            seed=seed,
            pretrained=pretrained,
            threshold=threshold,
            device=device,
            tell=say,
            progress=progress,
        )
    if found is None:
        say("all anchors have the same score, so that there is no order to compare")
    else:
        emit(found.to_dict(), json_)
    exit_unless(found is not None and found.trusted)
