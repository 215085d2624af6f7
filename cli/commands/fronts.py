"""Look at what searches found: ``front``, ``curve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import Budget, Json, svg
from ..printing import emit
from ..watching import watch as show_live


def front(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders of runs, finished or not; of one as a rule.")
    ],
    budget_ms: Budget = None,
    pick: Annotated[
        str | None,
        typer.Option(
            metavar="C0..C5|6", help="Pick members from the fastest to the slowest, by levels."
        ),
    ] = None,
    correlations: Annotated[
        bool, typer.Option(help="How the factors of an architecture go with what was found.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again whenever the running search adds to it.")
    ] = False,
    json_: Json = False,
) -> None:
    """Show the Pareto front of a run, within a budget if one is given; or of several together.

    Example: `detfit front run --budget-ms 2`

    Structures for SM-NAS' second stage: `detfit front structures --pick C0..C5`

    One front of all second stages: `detfit front blocks-c0 blocks-c3 blocks-c5`

    While it is searched: `detfit front run --watch`
    """
    from search import view_front

    if watch:
        if len(runs) != 1 or pick is not None or correlations:
            raise typer.BadParameter("--watch shows one run, without picks and correlations.")
        show_live(runs[0], lambda run: view_front([run], budget_ms=budget_ms)[0]["front"], json_)
        return

    fields, view = view_front(runs, budget_ms=budget_ms, pick=pick, correlate=correlations)
    emit(fields, json_, view)


def curve(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, finished or not.")],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", callback=svg, help="Picture (.svg); numbers beside it (.json)."
        ),
    ],
    keep: Annotated[int, typer.Option(min=1, help="Best architectures to average.")] = 50,
    generation: Annotated[int, typer.Option(min=1, help="Evaluations between two points.")] = 50,
    json_: Json = False,
) -> None:
    """Draw how good the best so far are, generation by generation, of several runs.

    Example: `detfit curve evolution random -o best50.svg`
    """
    from search import best_curve, curves_to_dict, load_result, write_best_curves

    curves = [
        best_curve(load_result(run), run.name, keep=keep, generation=generation) for run in runs
    ]
    files = write_best_curves(curves, output)
    rows = [
        {"run": each.label, "evaluations": each.evaluations[-1], "mean": each.mean[-1]}
        for each in curves
    ]
    view = {"files": list(map(str, files)), "curves": rows}
    emit({**view, **curves_to_dict(curves)}, json_, view)
