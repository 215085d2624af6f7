"""Certify a run: measure on the engine which members of its front keep the budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..exits import exit_unless
from ..groups import PlaceOptions
from ..options import Budget, Json
from ..printing import emit
from ..progress import shown_progress


def certify(
    run: Annotated[Path, typer.Argument(help="Folder of a run, finished or not.")],
    *,
    budget_ms: Budget = None,
    record: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="Feed what is measured back to this latency table."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Trained weights that the table's inputs were recorded with, if any."),
    ] = None,
    builds: Annotated[int, typer.Option(min=3, max=100, help="Engines built per member.")] = 5,
    most: Annotated[int, typer.Option(min=1, max=1000, help="Members measured at most.")] = 12,
    confidence: Annotated[
        float, typer.Option(help="Confidence that the next measurement keeps the budget.")
    ] = 0.975,
    place: PlaceOptions,
    json_: Json = False,
) -> None:
    """Build members of a run's front, measure them, and keep those that keep the budget.

    The most accurate come first; where one fails, the next ones of the front are tried. `train`
    and `export` then choose among the certified. Ends with 1 if none is certified.

    Example: `detfit certify run`

    And let the next fit know: `detfit certify run --record cpu.jsonl`

    On the cluster's node with the device: `detfit certify run --workers ray:HEAD:6379`
    """
    from search import (
        CertifySettings,
        certify_run,
        describe_certification,
        view_certification,
    )

    cluster = place.cluster  # refused before anything begins
    settings = CertifySettings(builds=builds, most=most, confidence=confidence)
    with shown_progress() as progress:
        found = certify_run(
            run,
            budget_ms=budget_ms,
            table=record,
            weights=weights,
            settings=settings,
            cluster=cluster,
            resource=place.resource,
            progress=progress,
        )
    emit(describe_certification(found, run), json_, view_certification(found))
    exit_unless(bool(found.certified))
