"""Search detectors under a budget, and look at what a search found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..groups import DetectorOptions, TrainingOptions
from ..options import (
    Budget,
    Data,
    Device,
    FittedOrSimulated,
    Json,
    Resume,
    Seed,
    SimulatedPrecision,
    to_folder,
)
from ..printing import emit
from ..progress import shown_progress

if TYPE_CHECKING:
    from search import SearchSettings, SpaceChoice


@dataclass(frozen=True, slots=True)
class SearchedDetectorOptions(DetectorOptions):
    """What the searched space is made with, otherwise than the predictor's own."""

    classes: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="As profiled if left out.")
    ] = None


@dataclass(frozen=True, slots=True)
class LimitOptions:
    """What has to be kept, on one device or several."""

    precision: SimulatedPrecision = None
    budget_ms: Budget = None
    confidence: Annotated[
        float,
        typer.Option(help="Probability of keeping the budget; 0 bounds the predicted median."),
    ] = 0.9
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PREDICTOR[@MS]",
            help="A further device, with its budget; has a front of its own; repeatable.",
        ),
    ] = None
    on_every_device: Annotated[
        bool, typer.Option(help="Keep the budgets of all devices, not of one at least.")
    ] = False
    count: Annotated[
        list[str] | None,
        typer.Option(
            metavar="macs|params[=MOST]", help="A further front, with a limit; repeatable."
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class StrategyOptions:
    """What gives accuracies, what proposes candidates, and how many."""

    evaluator: Annotated[
        str, typer.Option(help="proxy (no training, no accuracy), supernet or table.")
    ] = "supernet"
    table: Annotated[Path | None, typer.Option(help="Known results, for the table evaluator.")] = (
        None
    )
    strategy: Annotated[
        str, typer.Option(help="detnas-ea, ehvi (model-based), local, nsga2 or random.")
    ] = "detnas-ea"
    evals: Annotated[int, typer.Option(min=1, max=10**7, help="Evaluations.")] = 1000


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """The images that candidates are scored on."""

    search_images: Annotated[
        int, typer.Option(min=1, help="Training images kept for scoring.")
    ] = 5000
    recalibration_images: Annotated[int, typer.Option(min=1, help="Images for BN statistics.")] = (
        500
    )


def search(
    predictor: FittedOrSimulated,
    output: Annotated[Path, to_folder("Folder of the run.")],
    space: Annotated[
        str | None,
        typer.Option(help="The predictor's own if left out; another one whose modules it knows."),
    ] = None,
    *,
    detector: SearchedDetectorOptions,
    limit: LimitOptions,
    data: Data = None,
    method: StrategyOptions,
    training: TrainingOptions,
    scoring: ScoringOptions,
    device: Device = "cpu",
    seed: Seed = 0,
    resume: Resume = False,
    json_: Json = False,
) -> None:
    """Search the most accurate detectors under a latency budget.

    Example: `detfit search -t cpu.json --budget-ms 2 --data shapes --evals 100 -o run`

    Without the hardware: `detfit search -t simulated:V100 --precision fp16 --space smnas-modular
    --budget-ms 20 --data coco -o plan`

    One set of evaluations, a front for each of two devices: `detfit search -t cpu.json
    --budget-ms 30 --also gpu=gpu.json@5 --data coco -o run`
    """
    from search import SpaceChoice, describe_result, plan_search, search_detectors

    choice = SpaceChoice(name=space, options=detector.to_space_options())
    settings = _search_settings(choice, limit, method, scoring, seed)
    loaded = plan_search(predictor, settings, limit.precision)  # an impossible budget ends here
    config = training.to_config(seed) if method.evaluator == "supernet" else None
    with shown_progress() as progress:
        result = search_detectors(
            loaded,
            settings,
            output,
            data_dir=data,
            training=config,
            resume=resume,
            device=device,
            progress=progress,
        )
    emit(describe_result(result, limit.budget_ms), json_)


def _search_settings(
    choice: SpaceChoice,
    limit: LimitOptions,
    method: StrategyOptions,
    scoring: ScoringOptions,
    seed: int,
) -> SearchSettings:
    from search import SearchSettings, parse_counted, parse_device

    return SearchSettings(
        budget_ms=limit.budget_ms,
        confidence=limit.confidence or None,
        devices=tuple(parse_device(text, limit.precision) for text in limit.also or ()),
        on_every_device=limit.on_every_device,
        counted=dict(map(parse_counted, limit.count or ())),
        strategy=method.strategy,
        evaluator=method.evaluator,
        table=method.table,
        evals=method.evals,
        seed=seed,
        search_images=scoring.search_images,
        recalibration_images=scoring.recalibration_images,
        space=choice,
    )


def front(
    run: Annotated[Path, typer.Argument(help="Folder of a run, finished or not.")],
    budget_ms: Budget = None,
    json_: Json = False,
) -> None:
    """Show the Pareto front of a run, within a budget if one is given.

    Example: `detfit front run --budget-ms 2`
    """
    from search import describe_result, load_result

    emit(describe_result(load_result(run), budget_ms), json_)
