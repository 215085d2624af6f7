"""Search detectors under a budget: ``search``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..groups import DetectorOptions, TrainingOptions
from ..options import (
    Budgets,
    Data,
    Device,
    Json,
    OptionalPredictor,
    Resume,
    Seed,
    SimulatedPrecision,
    each_once,
    to_folder,
)
from ..printing import emit, say
from ..progress import shown_progress
from ..recipe_options import ProcedureOptions

if TYPE_CHECKING:
    from search import Fidelity, SearchProcedure, SearchSettings, SpaceChoice


SEVERAL_BUDGETS = "crnas"
"""The strategy that keeps several budgets of one device, from one supernet."""


@dataclass(frozen=True, slots=True)
class SearchedDetectorOptions(DetectorOptions):
    """What the searched space is made with, otherwise than the predictor's own."""

    structure: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN:C3[/6]",
            help="The structure that stage two of SM-NAS stands on: C3 of six picked of a run.",
        ),
    ] = None

    classes: Annotated[
        int | None,
        typer.Option(
            min=1, max=100_000, help="Classes without background; as profiled if left out."
        ),
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
    evals: Annotated[
        int, typer.Option(min=1, max=10**7, help="Candidates that are evaluated, on any rung.")
    ] = 1000


@dataclass(frozen=True, slots=True)
class FidelityOptions:
    """How candidates are compared by parts of an evaluation first."""

    fidelity: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE,...,1",
            help="Rungs: shares of the training's steps (scratch) or of the scoring images "
            "(supernet). Only whole evaluations enter the front.",
        ),
    ] = None
    eta: Annotated[int, typer.Option(min=2, help="One of so many goes on to the next rung.")] = 3
    fidelity_audit: Annotated[
        float, typer.Option(help="Share of a rung that goes on whatever its rank, as a check.")
    ] = 0.1
    fidelity_tau: Annotated[
        float, typer.Option(help="Kendall's tau that neighbouring rungs should reach.")
    ] = 0.5
    stop_halving: Annotated[
        bool, typer.Option(help="Evaluate all whole from when tau is surely below that.")
    ] = True

    def to_fidelity(self) -> Fidelity | None:
        """Return the rungs, or ``None`` where every candidate is evaluated whole."""
        from search import parse_fidelity

        if self.fidelity is None:
            if self != FidelityOptions():
                raise typer.BadParameter(
                    "--eta, --fidelity-audit, --fidelity-tau and --no-stop-halving are for rungs; "
                    "name them by --fidelity, such as --fidelity 0.1,0.3,1"
                )
            return None
        return parse_fidelity(
            self.fidelity,
            eta=self.eta,
            audit=self.fidelity_audit,
            min_tau=self.fidelity_tau,
            stop=self.stop_halving,
        )


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
    supernet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Weights of a supernet of the space, such as of `detfit train --recipe`: it is "
            "searched as it is.",
        ),
    ] = None
    search_split: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Score on this split instead, such as archval of `detfit data split`.",
        ),
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
    rungs: FidelityOptions,
    by: ProcedureOptions,
    training: TrainingOptions,
    scoring: ScoringOptions,
    device: Device = "cpu",
    processes: Annotated[
        str,
        typer.Option(
            "--workers",
            metavar="N|ray[:ADDRESS]",
            help="Processes, or a Ray cluster, that evaluate candidates.",
        ),
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

    Candidates trained a tenth, then three tenths of the steps; of each rung one of three goes on:
    `detfit search -t cpu.json --budget-ms 30 --data coco --evaluator scratch --strategy ehvi
    --fidelity 0.1,0.3,1 --eta 3 -o run`

    A supernet that a recipe has trained, searched as it is: `detfit search -t cpu.json
    --budget-ms 30 --data coco --supernet supernet.safetensors -o run`

    SM-NAS' second stage, on a structure of the first: `detfit search --from structures:C3
    --count macs --strategy smnas-ea --evaluator scratch --recipe smnas-stage-two --data coco
    -o blocks-c3`
    """
    from search import (
        describe_result,
        parse_workers,
        plan_search,
        search_detectors,
    )

    choice = _choice(space, detector)
    procedure = _procedure(method, scoring, by, training, seed)
    readers = _readers(scoring, by.asked(training.asked()))
    settings = _search_settings(
        choice, limit, method, scoring, rungs.to_fidelity(), seed, procedure
    )
    hands = parse_workers(processes, device)
    loaded = plan_search(predictor, settings, limit.precision)  # an impossible budget ends here
    with shown_progress() as progress:
        result = search_detectors(
            loaded,
            settings,
            output,
            data_dir=data,
            training=None if procedure is None else procedure.training,
            resume=resume,
            device=device,
            data_workers=readers,
            tell=say,
            progress=progress,
            workers=hands,
        )
    emit(describe_result(result), json_)


def _choice(space: str | None, detector: SearchedDetectorOptions) -> SpaceChoice:
    from search import SpaceChoice, stage_two

    options = detector.asked()
    if detector.structure is not None:
        return stage_two(detector.structure, space, options)
    return SpaceChoice(name=space, options=options)


def _procedure(
    method: StrategyOptions,
    scoring: ScoringOptions,
    by: ProcedureOptions,
    training: TrainingOptions,
    seed: int,
) -> SearchProcedure | None:
    """Return how is trained; ``None`` where nothing is, and where nothing was asked of it.

    Raises:
        typer.BadParameter: Something is, where a supernet is trained already.
    """
    from search import TRAINING_EVALUATORS, search_procedure

    asked = by.asked(training.asked())
    if scoring.supernet is not None:
        _refuse_training(scoring.supernet, by.recipe, asked)
        return None
    if method.evaluator not in TRAINING_EVALUATORS and not asked and by.recipe is None:
        return None  # what does not train refuses one
    begins_with = scoring.pretrained or scoring.supernet_start
    return search_procedure(
        method.evaluator, by.recipe, {"seed": seed} | asked, begins_with=begins_with
    )


def _readers(scoring: ScoringOptions, asked: Mapping[str, Any]) -> int:
    """Return how many processes read images for a supernet that is there; else trainings say it.

    Raises:
        TrainingError: It is no number of processes.
    """
    from detection import resolve_settings

    if scoring.supernet is None:
        return 0
    own = {name: value for name, value in asked.items() if name == "workers"}
    return resolve_settings(own).config.workers


def _refuse_training(supernet: Path, recipe: str | None, asked: Mapping[str, Any]) -> None:
    """Refuse settings of a training where there is none, but for who reads the images that score.

    Raises:
        typer.BadParameter: There are some.
    """
    names = [name for name in asked if name != "workers"] + (["recipe"] if recipe else [])
    if names:
        raise typer.BadParameter(
            f"{supernet} is trained already (--supernet), so that {', '.join(names)} would train "
            "nothing; leave the options of training out."
        )


def _search_settings(
    choice: SpaceChoice,
    limit: LimitOptions,
    method: StrategyOptions,
    scoring: ScoringOptions,
    fidelity: Fidelity | None,
    seed: int,
    procedure: SearchProcedure | None,
) -> SearchSettings:
    from search import SearchSettings, parse_counted, parse_device
    from searchspaces import parse_option

    budgets = limit.budget_ms or []
    if len(budgets) > 1 and method.strategy != SEVERAL_BUDGETS:
        raise typer.BadParameter(
            f"several --budget-ms are for --strategy {SEVERAL_BUDGETS}, which takes them one by "
            f"one; {method.strategy} takes one: give it once"
        )
    named = map(parse_option, method.strategy_option or ())
    strategy_options = each_once("--strategy-option", named)
    if len(budgets) > 1 and "budgets" in strategy_options:
        raise typer.BadParameter(
            "several --budget-ms are the strategy's option budgets; give either of them"
        )
    return SearchSettings(
        budget_ms=max(budgets, default=None),
        confidence=limit.confidence or None,
        devices=tuple(parse_device(text, limit.precision) for text in limit.also or ()),
        on_every_device=limit.on_every_device,
        counted=each_once("--count", map(parse_counted, limit.count or ())),
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
        supernet=scoring.supernet,
        search_split=scoring.search_split,
        macs_bins=0 if procedure is None else procedure.macs_bins,
        recipe=None if procedure is None else procedure.recipe,
        space=choice,
        fidelity=fidelity,
    )
