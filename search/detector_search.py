"""Search detectors under a latency budget: predictor, data and supernet put together.

The steps stand in the order of their cost: whether the budget can be met is answered before any
image is read, the data is checked before anything is written, the folder is the run's before
anything is trained, and every step can be resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from searchspaces import SearchSpace, sha256_of_file

from .config import RUN_FILE
from .constraints import ConstraintSet
from .detector_evaluators import GOALS, Stage, make_evaluator
from .devices import (
    Device,
    check_devices,
    fastest_known,
    known_bounds,
    known_objectives,
)
from .errors import EvaluatorError, RunError
from .feasibility import require_feasible
from .latency_source import (
    AnyPredictor,
    SpaceChoice,
    check_confidence,
    identity_of,
    load_latency,
    predicted_space,
    save_latency,
)
from .objective import AnyOf, Bound, Objective
from .result import SearchResult
from .run import run_search
from .strategies import make_strategy
from .supernet_training import refuse_stray_supernet
from .two_stages import ORIGIN
from .workers import WorkerChoice

if TYPE_CHECKING:
    from detection import TrainConfig

Progress = Callable[[str, float, float], None]

SEARCH_IMAGES = 5000  # DetNAS, sec. 4: validation images carved out of the training data


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """Say what to search for and how.

    Attributes:
        budget_ms: Latency that every proposal keeps; ``None`` searches the whole range.
        confidence: Probability with which the budget is kept, by the predictor's residuals;
            ``None`` bounds the predicted median.
        strategy: A key of :data:`STRATEGIES`.
        strategy_options: Its options.
        evaluator: ``supernet``; ``classification``, a supernet whose backbones classify images;
            ``scratch``, which trains every candidate by itself; ``table`` with ``table`` naming a
            file of known results; or ``proxy``, a score without training, for a first look: it is
            no accuracy.
        table: The file of the ``table`` evaluator.
        evals: Evaluations, failed ones included.
        seed: Of strategy, data split and augmentation; the supernet has its own, that of its
            training settings.
        search_images: Training images kept out of training to score architectures on; at most a
            fifth of them.
        recalibration_images: Images that a path's normalisation statistics are computed from.
        pretrained: Folder with torchvision's ImageNet weights, which the ``scratch`` evaluator
            begins with; from nothing if left out.
        start: Weights of a supernet's backbone, which the ``supernet`` evaluator's training begins
            with, such as those of a pre-training; from nothing if left out (DetNAS-scratch).
        space: The space, where the predictor does not tell: it was fitted on several, or is a
            simulated device.
        devices: Further devices: each gets its own latency objective and its own front, from one
            set of evaluations.
        on_every_device: Whether every detector keeps the budgets of all devices; otherwise that
            of one is enough.
        counted: Further known objectives, ``macs`` or ``params``, with the most that a detector
            may have, or ``None``.
    """

    budget_ms: float | None = None
    confidence: float | None = 0.9
    strategy: str = "detnas-ea"
    strategy_options: Mapping[str, Any] = field(default_factory=dict)
    evaluator: str = "supernet"
    table: Path | None = None
    evals: int = 1000
    seed: int = 0
    search_images: int = SEARCH_IMAGES
    recalibration_images: int = 500
    pretrained: Path | None = None
    start: Path | None = None
    space: SpaceChoice = field(default_factory=SpaceChoice)
    devices: tuple[Device, ...] = ()
    on_every_device: bool = False
    counted: Mapping[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.evaluator not in GOALS:
            known = ", ".join(GOALS)
            raise EvaluatorError(f"unknown evaluator {self.evaluator!r}; known: {known}")
        if (self.evaluator == "table") != (self.table is not None):
            raise EvaluatorError(
                "the table evaluator needs a file of known results (--table), and no other does"
            )
        if self.pretrained is not None and self.evaluator != "scratch":
            raise EvaluatorError(
                "only the scratch evaluator begins with ImageNet's weights (--pretrained); the "
                f"evaluator is {self.evaluator}"
            )
        if self.start is not None and self.evaluator != "supernet":
            raise EvaluatorError(
                "only the training of a supernet begins with the weights of another (--start); "
                f"the evaluator is {self.evaluator}"
            )
        for name in ("search_images", "recalibration_images"):
            if getattr(self, name) < 1:
                raise RunError(f"{name} must be at least 1, got {getattr(self, name)}")


def search_detectors(
    predictor: AnyPredictor | None,
    settings: SearchSettings,
    out_dir: str | Path,
    *,
    data_dir: str | Path | None = None,
    training: TrainConfig | None = None,
    resume: bool = False,
    device: str = "cpu",
    progress: Progress | None = None,
    workers: WorkerChoice | None = None,
) -> SearchResult:
    """Search a space for the most accurate detectors under a latency budget.

    Args:
        predictor: Predicts latencies, and says which space was profiled. One of a simulated
            device is for planning: the run is labelled so, and certifies nothing. ``None``
            weighs accuracy against what is counted alone, as SM-NAS' second stage does.
        settings: What to search for and how.
        out_dir: Folder of the run; it also gets the predictor and the supernet's weights.
        data_dir: Folder in COCO's layout; the supernet is trained on its train split.
        training: Settings of the supernet's training.
        resume: Go on with the run in the folder, or begin one; the data may have been moved.
        device: Where the supernet is trained and evaluated, for example ``cpu`` or ``cuda:0``.
        progress: Called as ``progress(message, done, total)``.
        workers: Where candidates are evaluated; in this process if left out.

    Raises:
        InfeasibleBudgetError: Nothing keeps the budget; names the fastest; nothing is written.
        RunError: The folder holds a run and ``resume`` is off, or another run, or there are too
            few images, or a simulated device is given and no space; nothing is written.
        LatencyError: The predictor does not know the space's modules, or knows several spaces
            and none is named; nothing is written.
        EvaluatorError: The evaluator lacks what it needs, or is given what it does not use.
        DatasetError: The data is not there, damaged, or has another number of classes.
        TrainingError: The device is not here, or the training failed.
        CheckpointError: The supernet's files are damaged.
    """
    folder = Path(out_dir)
    _check_costs(predictor, settings)
    space, options = predicted_space(predictor, settings.space)
    check_devices(settings.devices, space, options)
    objectives = _objectives(predictor, settings, space)
    constraints = _constraints(settings)
    _check_feasible(predictor, settings, space, objectives, constraints)
    _refuse_folder(folder, resume)
    evaluator, stage = make_evaluator(space, options, settings, data_dir, training, device)

    def prepare() -> None:
        if predictor is not None:
            save_latency(folder, predictor)
        for device in settings.devices:
            save_latency(folder, device.predictor, device.name)
        if stage is not None:
            stage.prepare(folder, progress)

    paths = {"data": data_dir, "table": settings.table, "pretrained": settings.pretrained}
    paths |= {"start": settings.start}
    notes: dict[str, Any] = {k: str(Path(path).resolve()) for k, path in paths.items() if path}
    notes["fastest"] = fastest_known(objectives, space, settings.seed)
    if settings.space.origin:
        notes[ORIGIN] = dict(settings.space.origin)
    return run_search(
        space,
        settings.strategy,
        evaluator,
        objectives,
        constraints,
        evals=settings.evals,
        out_dir=folder,
        seed=settings.seed,
        resume=resume,
        options=settings.strategy_options,
        space_options=options,
        context=_context(predictor, settings, training, stage),
        notes=notes,
        prepare=prepare,
        progress=progress,
        workers=workers,
    )


def plan_search(
    name: str | Path | None, settings: SearchSettings, precision: str | None = None
) -> AnyPredictor | None:
    """Read a predictor and check, in about a second, that the search can be done with it.

    Args:
        name: The predictor's file, or ``simulated:DEVICE[:ENGINE]``; or ``None``, where accuracy
            is weighed against what is counted alone.
        settings: Of the search.
        precision: Of a simulated device.

    Raises:
        PredictorError: The file is missing or damaged, or there is no such simulated device.
        LatencyError: The predictor does not know the space's modules, or knows several spaces
            and none is named.
        RunError: The predictor supports no such confidence; or it is simulated or missing, and
            no space is named or nothing says what a detector costs.
        InfeasibleBudgetError: Nothing keeps the budget; names the fastest.
        StrategyError: The strategy is unknown.
    """
    predictor = None if name is None else load_latency(name, precision)
    _check_costs(predictor, settings)
    space, options = predicted_space(predictor, settings.space)
    check_devices(settings.devices, space, options)
    objectives = _objectives(predictor, settings, space)
    _check_feasible(predictor, settings, space, objectives, _constraints(settings))
    return predictor


def _check_costs(predictor: AnyPredictor | None, settings: SearchSettings) -> None:
    """Refuse a search in which nothing says what a detector costs."""
    if predictor is not None:
        return
    if settings.budget_ms is not None or settings.devices:
        raise RunError(
            "a latency budget (--budget-ms) or a further device (--also) needs a predictor; give "
            "one by -t"
        )
    if not settings.counted:
        raise RunError(
            "nothing says what a detector costs; give a predictor by -t, or --count macs to weigh "
            "accuracy against multiply-adds alone"
        )


def _check_feasible(
    predictor: AnyPredictor | None,
    settings: SearchSettings,
    space: SearchSpace,
    objectives: tuple[Objective, ...],
    constraints: tuple[Bound, ...],
) -> None:
    """Refuse an impossible confidence, budget or option before anything is read or trained."""
    budgets = [(predictor, settings.budget_ms)]
    budgets += [(device.predictor, device.budget_ms) for device in settings.devices]
    for each, budget_ms in budgets:
        if each is None or budget_ms is None or settings.confidence is None:
            continue
        check_confidence(each, settings.confidence)
    for bound in constraints:
        for own in bound.constraints if isinstance(bound, AnyOf) else (bound,):
            alone = ConstraintSet((own,), objectives)  # no device is to end with an empty front
            require_feasible(space, alone, np.random.default_rng(settings.seed))
    make_strategy(
        settings.strategy,
        space,
        objectives,
        constraints,
        settings.seed,
        **settings.strategy_options,
    )


def _refuse_folder(folder: Path, resume: bool) -> None:
    """Refuse a folder before its data is opened; the journal compares what it holds."""
    if not (folder / RUN_FILE).exists():
        refuse_stray_supernet(folder)
    elif not resume:
        raise RunError(f"{folder} holds a run; go on with it by --resume, or choose another -o")


def _objectives(
    predictor: AnyPredictor | None, settings: SearchSettings, space: SearchSpace
) -> tuple[Objective, ...]:
    known = known_objectives(predictor, settings.devices, settings.counted, space)
    return (*known, GOALS[settings.evaluator])


def _constraints(settings: SearchSettings) -> tuple[Bound, ...]:
    return known_bounds(
        settings.budget_ms,
        settings.devices,
        settings.counted,
        settings.confidence,
        on_every=settings.on_every_device,
    )


def _context(
    predictor: AnyPredictor | None,
    settings: SearchSettings,
    training: TrainConfig | None,
    stage: Stage | None,
) -> dict[str, Any]:
    """Return what else decides the result, so that a resumed run can be compared.

    Files are told by their content: data and tables may be moved between two calls.
    """
    devices = {device.name: identity_of(device.predictor) for device in settings.devices}
    return {
        **({} if predictor is None else identity_of(predictor)),
        "devices": devices or None,
        "evaluator": settings.evaluator,
        "table_sha256": None if settings.table is None else sha256_of_file(settings.table),
        "data": None if stage is None else stage.identity,
        "search_images": settings.search_images,
        "recalibration_images": settings.recalibration_images,
        "supernet": None if training is None else training.decisive,
        "pretrained": None if settings.pretrained is None else "imagenet",
        "start_sha256": None if settings.start is None else sha256_of_file(settings.start),
    }
