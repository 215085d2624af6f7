"""Search detectors under a latency budget: predictor, data and supernet put together.

The steps stand in the order of their cost: whether the budget can be met is answered before any
image is read, the data is checked before anything is written, the folder is the run's before
anything is trained, and every step can be resumed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchspaces import sha256_of_file

from ..budgets.devices import fastest_known
from ..choosing.two_stages import ORIGIN
from ..errors import RunError
from ..objectives.latency import AnyPredictor, identity_of, save_latency
from ..progress import Progress
from ..running.config import RUN_FILE
from ..running.result import SearchResult
from ..running.run import run_search
from ..settings import SearchSettings
from ..training.evaluators import Stage, make_evaluator
from ..training.procedure import require_here, whole_settings
from ..training.supernet_files import SUPERNET_FILE, refuse_stray_supernet
from ..workers import WorkerChoice
from .planning import Plan, make_plan

if TYPE_CHECKING:
    from detection import TrainConfig, TrainSettings


def search_detectors(
    predictor: AnyPredictor | None,
    settings: SearchSettings,
    out_dir: str | Path,
    *,
    data_dir: str | Path | None = None,
    training: TrainConfig | TrainSettings | None = None,
    resume: bool = False,
    device: str = "cpu",
    data_workers: int = 0,
    tell: Callable[[str], None] | None = None,
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
        data_dir: Folder of detection data; see `SearchSettings` for the images that are learnt
            from and those that score.
        training: Settings of each training; ``None`` where nothing is trained, as with a supernet
            that is trained already.
        resume: Go on with the run in the folder, or begin one; the data may have been moved.
        device: Where the supernet is trained and evaluated, for example ``cpu`` or ``cuda:0``.
        data_workers: Processes that read images where nothing is trained.
        tell: Called with what follows from what was asked for, a sentence each, once nothing is
            refused any more.
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
        TrainingError: The device is not here or cannot train so, or the training failed.
        CheckpointError: The supernet's files are damaged.
    """
    folder = Path(out_dir)
    plan = make_plan(predictor, settings)
    _refuse_folder(folder, resume)
    evaluator, stage = make_evaluator(
        plan.space, plan.options, settings, data_dir, training, device, data_workers
    )
    if training is not None and not (folder / SUPERNET_FILE).exists():  # else it is trained
        require_here(whole_settings(training), device)
    notes = {} if stage is None else stage.notes

    def prepare() -> None:
        _save_latencies(folder, predictor, settings)
        if tell is not None:
            for sentence in notes.values():
                tell(sentence)
        if stage is not None:
            stage.prepare(folder, progress)

    return run_search(
        plan.space,
        settings.strategy,
        evaluator,
        plan.objectives,
        plan.constraints,
        evals=settings.evals,
        out_dir=folder,
        seed=settings.seed,
        resume=resume,
        options=settings.strategy_options,
        space_options=plan.options,
        context=_context(predictor, settings, training, stage),
        notes=_notes(plan, settings, data_dir) | notes,
        prepare=prepare,
        progress=progress,
        workers=workers,
        fidelity=settings.fidelity,
    )


def _refuse_folder(folder: Path, resume: bool) -> None:
    """Refuse a folder before its data is opened; the journal compares what it holds."""
    if not (folder / RUN_FILE).exists():
        refuse_stray_supernet(folder)
    elif not resume:
        raise RunError(f"{folder} holds a run; go on with it by --resume, or choose another -o")


def _save_latencies(
    folder: Path, predictor: AnyPredictor | None, settings: SearchSettings
) -> None:
    if predictor is not None:
        save_latency(folder, predictor)
    for device in settings.devices:
        save_latency(folder, device.predictor, device.name)


def _notes(plan: Plan, settings: SearchSettings, data_dir: str | Path | None) -> dict[str, Any]:
    """Return what decides nothing: where the files lay, and the fastest detector of the space."""
    paths = {
        "data": data_dir,
        "table": settings.table,
        "pretrained": settings.pretrained,
        "start": settings.start,
        "supernet": settings.supernet,
    }
    notes: dict[str, Any] = {k: str(Path(path).resolve()) for k, path in paths.items() if path}
    if settings.recipe is not None:
        notes["recipe"] = settings.recipe
    notes["fastest"] = fastest_known(plan.objectives, plan.space, settings.seed)
    if settings.space.origin:
        notes[ORIGIN] = dict(settings.space.origin)
    return notes


def _context(
    predictor: AnyPredictor | None,
    settings: SearchSettings,
    training: TrainConfig | TrainSettings | None,
    stage: Stage | None,
) -> dict[str, Any]:
    """Return what else decides the result, so that a resumed run can be compared.

    Files are told by their content: data and tables may be moved between two calls. What later
    versions can be asked is told only where it was, so that older runs still go on.
    """
    devices = {device.name: identity_of(device.predictor) for device in settings.devices}
    trained = None if training is None else whole_settings(training)
    return {
        **({} if predictor is None else identity_of(predictor)),
        "devices": devices or None,
        "evaluator": settings.evaluator,
        "table_sha256": None if settings.table is None else sha256_of_file(settings.table),
        "data": None if stage is None else stage.identity,
        "search_images": settings.search_images,
        "recalibration_images": settings.recalibration_images,
        "supernet": None if trained is None else trained.config.decisive,
        "pretrained": None if settings.pretrained is None else "imagenet",
        "start_sha256": None if settings.start is None else sha256_of_file(settings.start),
        **_unusual(settings, trained),
    }


def _unusual(settings: SearchSettings, training: TrainSettings | None) -> dict[str, Any]:
    """Return what is only told where it was asked for; the data tells of its splits by itself."""
    given = settings.supernet
    told: dict[str, Any] = {
        "supernet_sha256": None if given is None else sha256_of_file(given),
        "macs_bins": settings.macs_bins or None,
        "flip": None if training is None else training.images.flip,
        "scale": None if training is None else training.images.scale,
    }
    return {name: value for name, value in told.items() if value is not None}
