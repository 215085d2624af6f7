"""Choose the architecture that is trained and exported: named outright, or a run's best."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchspaces import Architecture, SearchSpace, make_space, parse_arch

from ..certification.certification import Candidate, Certification, load_certification
from ..errors import RunError
from ..fronts.front import FrontPoint
from ..objectives.latency import LATENCY, PREDICTOR_FILE
from ..progress import Progress
from ..running.config import RUN_FILE
from ..running.latency import run_budget_ms, simulation_of
from ..running.result import SearchResult, load_result
from ..training.supernet_files import SUPERNET_FILE, load_supernet
from .two_stages import final_options

if TYPE_CHECKING:
    from detection import Detector, TrainConfig, TrainedDetector, TrainSettings


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
        certified: What was measured of it, where the run was certified and it keeps the budget.
        predicted: Whether a run, if there is one, predicted latencies.
        renormed: Whether it is normalised otherwise than in the run, so that it takes over none
            of the run's weights; see :func:`search.choosing.two_stages.final_options`.
    """

    space: SearchSpace
    options: Mapping[str, Any]
    architecture: Architecture
    folder: Path | None = None
    budget_ms: float | None = None
    simulated: Mapping[str, Any] | None = None
    certified: Candidate | None = None
    predicted: bool = True
    renormed: bool = False

    @property
    def predictor_path(self) -> Path | None:
        """Return the run's predictor file, if there is a run with one that was measured."""
        if self.folder is None or self.simulated is not None or not self.predicted:
            return None
        return self.folder / PREDICTOR_FILE

    def inherited(self) -> Detector | None:
        """Return the detector with the weights of the run's supernet, if the run trained one.

        Raises:
            CheckpointError: The supernet's file is damaged.
        """
        if self.folder is None or self.renormed or not (self.folder / SUPERNET_FILE).exists():
            return None
        return load_supernet(self.folder, self.space).extract(self.architecture)


def choose_finalist(
    target: str, *, budget_ms: float | None = None, options: Mapping[str, Any] | None = None
) -> Finalist:
    """Return a named architecture, or the most accurate of a run within a budget.

    Of a run that was certified (:func:`search.certify_run`), only members whose measured bound
    keeps the budget are chosen; under another budget that none of them keeps, predictions are.

    Args:
        target: ``space:code``, or the folder of a run.
        budget_ms: For a run: largest predicted latency; the run's own budget if left out.
        options: For ``space:code``: what the space is made with.

    Raises:
        ArchitectureError: The target is neither a run nor an architecture.
        RunError: The target is a folder without a run; or the run has no result, or none within
            the budget, or was certified and no member keeps it.
    """
    folder = Path(target)
    if not (folder / RUN_FILE).is_file():
        if folder.is_dir():
            raise RunError(f"{folder} holds no search run; name a run, or SPACE:CODE")
        space, architecture = parse_arch(target, **(options or {}))
        return Finalist(space, dict(options or {}), architecture)
    result = load_result(folder)
    budget = run_budget_ms(result) if budget_ms is None else budget_ms
    certification, config = load_certification(folder), result.config
    members = _certified(certification, result, budget)
    shown = result if members is None else _only(result, members)
    point = best_within(shown, budget if members is None else None)
    made_with = final_options(config)
    return Finalist(
        space=make_space(config.space, **made_with),
        options=made_with,
        architecture=point.architecture,
        folder=folder,
        budget_ms=budget if certification is None else (budget or certification.budget_ms),
        simulated=simulation_of(result),
        predicted=any(objective.name == LATENCY for objective in config.objectives),
        certified=(members or {}).get(point.architecture),
        renormed=made_with != config.space_options,
    )


def _certified(
    certification: Certification | None, result: SearchResult, budget_ms: float | None
) -> dict[Architecture, Candidate] | None:
    """Return the certified members within a budget; ``None`` where predictions have to do."""
    if certification is None:
        return None
    budget = certification.budget_ms if budget_ms is None else budget_ms
    kept = {candidate.arch: candidate for candidate in certification.within(budget)}
    if not kept and budget == certification.budget_ms:
        raise RunError(
            f"of the run in {result.folder} {len(certification.measured)} members were measured, "
            f"and none is certified to keep {budget:g} ms (first: "
            f"{certification.candidates[0].reason}); raise the budget, or certify again"
        )
    names = {f"{result.config.space}:{e.code}": e.architecture for e in result.history}
    return {names[arch]: candidate for arch, candidate in kept.items() if arch in names} or None


def _only(result: SearchResult, members: Mapping[Architecture, Candidate]) -> SearchResult:
    history = tuple(e for e in result.history if e.architecture in members)
    return replace(result, history=history)


def refuse_budget(target: str, budget_ms: float | None) -> None:
    """Refuse a budget where there is nothing to choose by it.

    Raises:
        RunError: One is given.
    """
    if budget_ms is not None:
        raise RunError(
            f"a budget ({budget_ms:g} ms) chooses among the results of a run, which {target} is "
            "not; leave it out"
        )


def refuse_options(target: str, options: Mapping[str, Any] | None) -> None:
    """Refuse options of a space where the target is a run, which has its own.

    Raises:
        RunError: There are some.
    """
    if options and (Path(target) / RUN_FILE).is_file():
        raise RunError(
            f"{target} is a run, whose detectors stay as they were searched, so that "
            f"{', '.join(options)} would change nothing; leave the options of the space out, or "
            "name the architecture itself (SPACE:CODE)"
        )


def _refuse_no_inherit(target: str, inherit: bool) -> None:
    """Refuse to be told to take over nothing where there is nothing to take over.

    Raises:
        RunError: It is told.
    """
    if not inherit:
        raise RunError(
            f"--no-inherit keeps the supernet of a run out of the training, and {target} is no "
            "run; leave it out"
        )


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
    config: TrainConfig | TrainSettings,
    output: str | Path,
    *,
    budget_ms: float | None = None,
    options: Mapping[str, Any] | None = None,
    inherit: bool = True,
    resume: bool = False,
    device: str = "cpu",
    tell: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> TrainedDetector:
    """Train a named architecture, or the best of a run, and write its weights.

    Args:
        target: ``space:code``, or the folder of a run.
        data_dir: Folder in COCO's layout with a train and a val split.
        config: Settings of the training; with those of its images where they are not the usual.
        output: The weights file (.safetensors).
        budget_ms: For a run: largest predicted latency; the run's own budget if left out.
        options: For ``space:code``: what the space is made with; a run has its own.
        inherit: Start from the run's supernet where it has one; off is for runs alone.
        resume: Go on from the last checkpoint.
        device: For example ``cpu`` or ``cuda:0``.
        tell: Called with what follows from what was asked for, a sentence each.
        progress: Called as ``progress(message, done, total)`` in steps.

    Raises:
        RunError: The run has no result within the budget; or there is no run, and a budget is
            given or inheriting switched off; or there is one, and options are given.
        DetectionError: Data or checkpoints are missing or damaged, or training diverged.
    """
    from detection import train_detector

    refuse_options(target, options)
    finalist = choose_finalist(target, budget_ms=budget_ms, options=options)
    if finalist.folder is None:
        refuse_budget(target, budget_ms)
        _refuse_no_inherit(target, inherit)
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
        tell=tell,
        progress=progress,
    )
