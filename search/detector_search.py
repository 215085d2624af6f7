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

from searchspaces import SearchSpace, sha256_of_file

from .config import RUN_FILE
from .errors import EvaluatorError, RunError
from .evaluators import Evaluator, TableEvaluator
from .latency_source import (
    LATENCY,
    AnyPredictor,
    SpaceChoice,
    check_confidence,
    identity_of,
    latency_objective,
    load_latency,
    predicted_space,
    save_latency,
)
from .objective import Constraint, Objective
from .result import SearchResult
from .run import run_search
from .strategies import make_strategy
from .supernet_training import SupernetStage, refuse_stray_supernet

if TYPE_CHECKING:
    from detection import TrainConfig

Progress = Callable[[str, float, float], None]

ACCURACY = "ap"
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
        evaluator: ``supernet``, or ``table`` with ``table`` naming a file of known results.
        table: The file of the ``table`` evaluator.
        evals: Evaluations, failed ones included.
        seed: Of strategy, data split and augmentation; the supernet has its own, that of its
            training settings.
        search_images: Training images kept out of training to score architectures on; at most a
            fifth of them.
        recalibration_images: Images that a path's normalisation statistics are computed from.
        space: The space, where the predictor does not tell: it was fitted on several, or is a
            simulated device.
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
    space: SpaceChoice = field(default_factory=SpaceChoice)

    def __post_init__(self) -> None:
        if self.evaluator not in ("supernet", "table"):
            raise EvaluatorError(f"unknown evaluator {self.evaluator!r}; known: supernet, table")
        if (self.evaluator == "table") != (self.table is not None):
            raise EvaluatorError(
                "the table evaluator needs a file of known results (--table), and no other does"
            )
        for name in ("search_images", "recalibration_images"):
            if getattr(self, name) < 1:
                raise RunError(f"{name} must be at least 1, got {getattr(self, name)}")


def search_detectors(
    predictor: AnyPredictor,
    settings: SearchSettings,
    out_dir: str | Path,
    *,
    data_dir: str | Path | None = None,
    training: TrainConfig | None = None,
    resume: bool = False,
    device: str = "cpu",
    progress: Progress | None = None,
) -> SearchResult:
    """Search a space for the most accurate detectors under a latency budget.

    Args:
        predictor: Predicts latencies, and says which space was profiled. One of a simulated
            device is for planning: the run is labelled so, and certifies nothing.
        settings: What to search for and how.
        out_dir: Folder of the run; it also gets the predictor and the supernet's weights.
        data_dir: Folder in COCO's layout; the supernet is trained on its train split.
        training: Settings of the supernet's training.
        resume: Go on with the run in the folder, or begin one; the data may have been moved.
        device: Where the supernet is trained and evaluated, for example ``cpu`` or ``cuda:0``.
        progress: Called as ``progress(message, done, total)``.

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
    space, options = predicted_space(predictor, settings.space)
    objectives = (latency_objective(predictor, space), Objective(ACCURACY, "max", "AP"))
    constraints = _constraints(settings)
    _check_feasible(predictor, settings, space, objectives, constraints)
    _refuse_folder(folder, resume)
    stage: SupernetStage | None = None
    if settings.table is not None:
        if data_dir is not None or training is not None:
            raise EvaluatorError("the table evaluator reads no images; leave --data out")
        evaluator: Evaluator = TableEvaluator.from_file(settings.table, space)
    elif data_dir is None or training is None:
        raise EvaluatorError("the supernet evaluator needs images to train on; give --data DIR")
    else:
        stage = SupernetStage(space, options, Path(data_dir), settings, training, device)
        evaluator = stage

    def prepare() -> None:
        save_latency(folder, predictor)
        if stage is not None:
            stage.prepare(folder, progress)

    paths = {"data": data_dir, "table": settings.table}
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
        notes={name: str(Path(path).resolve()) for name, path in paths.items() if path},
        prepare=prepare,
        progress=progress,
    )


def plan_search(
    name: str | Path, settings: SearchSettings, precision: str | None = None
) -> AnyPredictor:
    """Read a predictor and check, in about a second, that the search can be done with it.

    Args:
        name: The predictor's file, or ``simulated:DEVICE[:ENGINE]``.
        settings: Of the search.
        precision: Of a simulated device.

    Raises:
        PredictorError: The file is missing or damaged, or there is no such simulated device.
        LatencyError: The predictor does not know the space's modules, or knows several spaces
            and none is named.
        RunError: The predictor supports no such confidence; or it is simulated and no space is
            named.
        InfeasibleBudgetError: Nothing keeps the budget; names the fastest.
        StrategyError: The strategy is unknown.
    """
    predictor = load_latency(name, precision)
    space, _ = predicted_space(predictor, settings.space)
    objectives = (latency_objective(predictor, space), Objective(ACCURACY, "max", "AP"))
    _check_feasible(predictor, settings, space, objectives, _constraints(settings))
    return predictor


def _check_feasible(
    predictor: AnyPredictor,
    settings: SearchSettings,
    space: SearchSpace,
    objectives: tuple[Objective, ...],
    constraints: tuple[Constraint, ...],
) -> None:
    """Refuse an impossible confidence, budget or option before anything is read or trained."""
    if settings.budget_ms is not None and settings.confidence is not None:
        check_confidence(predictor, settings.confidence)
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


def _constraints(settings: SearchSettings) -> tuple[Constraint, ...]:
    if settings.budget_ms is None:
        return ()
    return (Constraint(LATENCY, settings.budget_ms, settings.confidence),)


def _context(
    predictor: AnyPredictor,
    settings: SearchSettings,
    training: TrainConfig | None,
    stage: SupernetStage | None,
) -> dict[str, Any]:
    """Return what else decides the result, so that a resumed run can be compared.

    Files are told by their content: data and tables may be moved between two calls.
    """
    return {
        **identity_of(predictor),
        "evaluator": settings.evaluator,
        "table_sha256": None if settings.table is None else sha256_of_file(settings.table),
        "data": None if stage is None else stage.identity,
        "search_images": settings.search_images,
        "recalibration_images": settings.recalibration_images,
        "supernet": None if training is None else training.decisive,
    }
