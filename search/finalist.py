"""Choose the architecture that is trained and exported: named outright, or a run's best."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchspaces import Architecture, SearchSpace, make_space, parse_arch

from .config import RUN_FILE
from .errors import RunError
from .front import FrontPoint
from .latency_source import LATENCY, PREDICTOR_FILE
from .result import SearchResult, load_result
from .supernet_training import SUPERNET_FILE, load_supernet

if TYPE_CHECKING:
    from detection import Detector, TrainConfig, TrainedDetector


@dataclass(frozen=True, slots=True)
class Finalist:
    """Name an architecture with the space that it lies in.

    Attributes:
        space: The space, made with ``options``.
        options: What the space was made with.
        architecture: The architecture.
        folder: Folder of the run that found it, or ``None``.
        budget_ms: Latency budget that it was chosen under, or ``None``.
        simulated: What the run's latencies were simulated with, or ``None`` where they rest on
            measurements.
    """

    space: SearchSpace
    options: Mapping[str, Any]
    architecture: Architecture
    folder: Path | None = None
    budget_ms: float | None = None
    simulated: Mapping[str, Any] | None = None

    @property
    def predictor_path(self) -> Path | None:
        """Return the run's predictor file, if there is a run with one that was measured."""
        if self.folder is None or self.simulated is not None:
            return None
        return self.folder / PREDICTOR_FILE

    def inherited(self) -> Detector | None:
        """Return the detector with the weights of the run's supernet, if the run trained one.

        Raises:
            CheckpointError: The supernet's file is damaged.
        """
        if self.folder is None or not (self.folder / SUPERNET_FILE).exists():
            return None
        return load_supernet(self.folder, self.space).extract(self.architecture)


def choose_finalist(
    target: str, *, budget_ms: float | None = None, options: Mapping[str, Any] | None = None
) -> Finalist:
    """Return a named architecture, or the most accurate of a run within a budget.

    Args:
        target: ``space:code``, or the folder of a run.
        budget_ms: For a run: largest predicted latency; the run's own budget if left out.
        options: For ``space:code``: what the space is made with.

    Raises:
        ArchitectureError: The target is neither a run nor an architecture.
        RunError: The target is a folder without a run; or the run has no result, or none within
            the budget.
    """
    folder = Path(target)
    if not (folder / RUN_FILE).is_file():
        if folder.is_dir():
            raise RunError(f"{folder} holds no search run; name a run, or SPACE:CODE")
        space, architecture = parse_arch(target, **(options or {}))
        return Finalist(space, dict(options or {}), architecture)
    result = load_result(folder)
    budget = run_budget_ms(result) if budget_ms is None else budget_ms
    point = best_within(result, budget)
    config = result.config
    space = make_space(config.space, **config.space_options)
    return Finalist(
        space, config.space_options, point.architecture, folder, budget, simulation_of(result)
    )


def simulation_of(result: SearchResult) -> Mapping[str, Any] | None:
    """Return what a run's latencies were simulated with; ``None`` where they were measured."""
    found: Mapping[str, Any] | None = result.config.context.get("simulated")
    return found


def run_budget_ms(result: SearchResult) -> float | None:
    """Return the latency budget that a run was given."""
    bounds = {constraint.objective: constraint.upper for constraint in result.config.constraints}
    return bounds.get(LATENCY)


def best_within(result: SearchResult, budget_ms: float | None) -> FrontPoint:
    """Return the most accurate architecture of a run within a latency budget.

    Raises:
        RunError: Nothing was evaluated successfully, or nothing keeps the budget.
    """
    front = result.front if budget_ms is None else result.front_of(LATENCY, budget_ms)
    if not len(front):
        reached = f" within {budget_ms:g} ms" if budget_ms is not None else ""
        failed = f"; {len(result.failures)} evaluations failed" if result.failures else ""
        raise RunError(
            f"the run in {result.folder} has no result{reached}{failed}; go on with it by "
            "`detfit search ... --resume`, or raise the budget"
        )
    return front.best()


def train_finalist(
    target: str,
    data_dir: str | Path,
    config: TrainConfig,
    output: str | Path,
    *,
    budget_ms: float | None = None,
    options: Mapping[str, Any] | None = None,
    inherit: bool = True,
    resume: bool = False,
    device: str = "cpu",
    progress: Callable[[str, float, float], None] | None = None,
) -> TrainedDetector:
    """Train a named architecture, or the best of a run, and write its weights.

    Args:
        target: ``space:code``, or the folder of a run.
        data_dir: Folder in COCO's layout with a train and a val split.
        config: Settings of the training.
        output: The weights file (.safetensors).
        budget_ms: For a run: largest predicted latency; the run's own budget if left out.
        options: For ``space:code``: what the space is made with.
        inherit: Start from the run's supernet where it has one.
        resume: Go on from the last checkpoint.
        device: For example ``cpu`` or ``cuda:0``.
        progress: Called as ``progress(message, done, total)`` in steps.

    Raises:
        RunError: The run has no result within the budget.
        DetectionError: Data or checkpoints are missing or damaged, or training diverged.
    """
    from detection import train_detector

    finalist = choose_finalist(target, budget_ms=budget_ms, options=options)
    return train_detector(
        finalist.space,
        finalist.architecture,
        data_dir,
        config,
        output,
        space_options=finalist.options,
        start=finalist.inherited() if inherit else None,
        resume=resume,
        device=device,
        progress=progress,
    )
