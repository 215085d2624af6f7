"""Search detectors under a budget, and look at what a search found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..groups import DetectorOptions, TrainingOptions
from ..options import (
    Budget,
    Budgets,
    Data,
    Device,
    Json,
    OptionalPredictor,
    Resume,
    Seed,
    SimulatedPrecision,
    svg,
    to_folder,
)
from ..printing import emit
from ..progress import shown_progress
from ..watching import watch as show_live

if TYPE_CHECKING:
    from search import SearchSettings, SpaceChoice


SEVERAL_BUDGETS = "crnas"
"""The strategy that keeps several budgets of one device, from one supernet."""


@dataclass(frozen=True, slots=True)
class SearchedDetectorOptions(DetectorOptions):
    """What the searched space is made with, otherwise than the predictor's own."""

    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN:C3[/6]",
            help="The structure that stage two of SM-NAS stands on: C3 of six picked of a run.",
        ),
    ] = None

    classes: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="As profiled if left out.")
    ] = None


@dataclass(frozen=True, slots=True)
class LimitOptions:
    """What has to be kept, on one device or several."""

    precision: SimulatedPrecision = None
    budget_ms: Budgets = None
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
            metavar="macs|params|backbone_macs[=MOST]",
            help="A further front, with a limit; repeatable.",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class StrategyOptions:
    """What gives accuracies, what proposes candidates, and how many."""

    evaluator: Annotated[
        str,
        typer.Option(
            help="supernet, classification (a supernet that classifies), scratch (trains each), "
            "table or proxy (no accuracy)."
        ),
    ] = "supernet"
    table: Annotated[Path | None, typer.Option(help="Known results, for the table evaluator.")] = (
        None
    )
    strategy: Annotated[
        str,
        typer.Option(
            help="crnas, crnas-greedy, crnas-stage, detnas-ea, ehvi (model-based), local, nsga2, "
            "random or smnas-ea."
        ),
    ] = "detnas-ea"
    strategy_option: Annotated[
        list[str] | None,
        typer.Option(
            "--strategy-option",
            metavar="NAME=VALUE",
            help="An option of the strategy, such as audit=0.1; repeatable.",
        ),
    ] = None
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
    pretrained: Annotated[
        Path | None,
        typer.Option(help="Folder with ImageNet weights that scratch begins with; else none."),
    ] = None
    supernet_start: Annotated[
        Path | None,
        typer.Option("--start", help="Weights that a supernet's backbone begins with; else none."),
    ] = None


def search(
    *,
    predictor: OptionalPredictor = None,
    output: Annotated[Path, to_folder("Folder of the run.")],
    space: Annotated[
        str | None,
        typer.Option(help="The predictor's own if left out; another one whose modules it knows."),
    ] = None,
    detector: SearchedDetectorOptions,
    limit: LimitOptions,
    data: Data = None,
    method: StrategyOptions,
    training: TrainingOptions,
    scoring: ScoringOptions,
    device: Device = "cpu",
    processes: Annotated[
        str, typer.Option("--workers", metavar="N|ray[:ADDRESS]", help="That evaluate candidates.")
    ] = "1",
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

    CR-NAS for two budgets, one supernet: `detfit search -t cpu.json --space crnas-resnet50
    --strategy crnas --budget-ms 20 --budget-ms 30 --data coco -o run`

    SM-NAS' second stage, on a structure of the first: `detfit search --from structures:C3
    --count macs --strategy smnas-ea --data coco -o blocks-c3`
    """
    from search import (
        TRAINING_EVALUATORS,
        describe_result,
        parse_workers,
        plan_search,
        search_detectors,
    )

    choice = _choice(space, detector)
    settings = _search_settings(choice, limit, method, scoring, seed)
    hands = parse_workers(processes, device)
    loaded = plan_search(predictor, settings, limit.precision)  # an impossible budget ends here
    trains = method.evaluator in TRAINING_EVALUATORS
    config = training.to_config(seed) if trains else None
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
            workers=hands,
        )
    emit(describe_result(result), json_)


def _choice(space: str | None, detector: SearchedDetectorOptions) -> SpaceChoice:
    from search import SpaceChoice, stage_two

    options = detector.to_space_options()
    if detector.start is not None:
        return stage_two(detector.start, space, options)
    return SpaceChoice(name=space, options=options)


def _search_settings(
    choice: SpaceChoice,
    limit: LimitOptions,
    method: StrategyOptions,
    scoring: ScoringOptions,
    seed: int,
) -> SearchSettings:
    from search import SearchSettings, parse_counted, parse_device
    from searchspaces import parse_option

    budgets = limit.budget_ms or []
    if len(budgets) > 1 and method.strategy != SEVERAL_BUDGETS:
        raise typer.BadParameter(
            f"several --budget-ms are for --strategy {SEVERAL_BUDGETS}, which takes them one by "
            f"one; {method.strategy} takes one: give it once"
        )
    strategy_options = dict(map(parse_option, method.strategy_option or ()))
    return SearchSettings(
        budget_ms=max(budgets, default=None),
        confidence=limit.confidence or None,
        devices=tuple(parse_device(text, limit.precision) for text in limit.also or ()),
        on_every_device=limit.on_every_device,
        counted=dict(map(parse_counted, limit.count or ())),
        strategy=method.strategy,
        strategy_options=strategy_options
        | ({"budgets": tuple(budgets)} if len(budgets) > 1 else {}),
        evaluator=method.evaluator,
        table=method.table,
        evals=method.evals,
        seed=seed,
        search_images=scoring.search_images,
        recalibration_images=scoring.recalibration_images,
        pretrained=scoring.pretrained,
        start=scoring.supernet_start,
        space=choice,
    )


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
    keep: Annotated[int, typer.Option(min=1, help="Best architectures in the mean.")] = 50,
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
