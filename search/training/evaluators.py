"""What tells the accuracy of detectors in a search, by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import EvaluatorError
from ..evaluators import CompletingEvaluator, Evaluator, ProxyEvaluator, TableEvaluator
from ..progress import Progress
from ..settings import TRAINING_EVALUATORS, SearchSettings
from .classification import ClassificationStage
from .devices import CPU, require_device
from .scratch import ScratchStage
from .supernet import SupernetStage

if TYPE_CHECKING:
    from detection import TrainConfig, TrainSettings
    from searchspaces import SearchSpace


class Stage(Evaluator, Protocol):
    """Evaluate on images, after a training of its own."""

    @property
    def identity(self) -> dict[str, Any]:
        """Return what tells the data from other data, wherever its folder lies."""
        ...

    @property
    def notes(self) -> dict[str, str]:
        """Return what the run says of trainings and images, a sentence each, by name."""
        ...

    def prepare(self, folder: Path, progress: Progress | None = None) -> None:
        """Train what is needed in the folder of a run, or read it where that was done."""
        ...


def make_evaluator(
    space: SearchSpace,
    options: Mapping[str, Any],
    settings: SearchSettings,
    data_dir: str | Path | None,
    training: TrainConfig | TrainSettings | None,
    device: str,
    data_workers: int = 0,
) -> tuple[Evaluator, Stage | None]:
    """Return what evaluates a search, and what of it has to be prepared; nothing is written.

    Partial codes are scored by the evaluator itself if it is a supernet, else by the mean of
    completions.

    Raises:
        EvaluatorError: The evaluator lacks what it needs, or is given what it does not use.
        DatasetError: The data is not there, damaged, or has another number of classes.
        RunError: There are too few images.
        TrainingError: The device is not here.
    """
    name = settings.evaluator
    if name in TRAINING_EVALUATORS:
        if data_dir is None or (training is None and settings.supernet is None):
            raise EvaluatorError(f"the {name} evaluator needs images; give --data DIR")
        require_device(device)
        stage = _make_stage(
            space, options, settings, Path(data_dir), training, device, data_workers
        )
        if name == "supernet":
            return stage, stage
        return CompletingEvaluator(stage, space, seed=settings.seed), stage
    _refuse_unheeded(name, data_dir, training, device)
    evaluator: Evaluator = ProxyEvaluator(space)
    if settings.table is not None:
        evaluator = TableEvaluator.from_file(settings.table, space)
    return CompletingEvaluator(evaluator, space, seed=settings.seed), None


def _refuse_unheeded(
    name: str,
    data_dir: str | Path | None,
    training: TrainConfig | TrainSettings | None,
    device: str,
) -> None:
    """Refuse what only those evaluators heed that train."""
    if data_dir is not None:
        raise EvaluatorError(f"the {name} evaluator reads no images; leave --data out")
    if training is not None:
        raise EvaluatorError(
            f"the {name} evaluator trains nothing; leave the options of training (--steps, "
            "--batch-size, --lr, --optimizer, --data-workers, --recipe, --set) out"
        )
    if device != CPU:
        raise EvaluatorError(
            f"the {name} evaluator runs nothing on a device; leave --device {device} out, which "
            f"is for {', '.join(TRAINING_EVALUATORS)}"
        )


def _make_stage(
    space: SearchSpace,
    options: Mapping[str, Any],
    settings: SearchSettings,
    data_dir: Path,
    training: TrainConfig | TrainSettings | None,
    device: str,
    data_workers: int,
) -> Stage:
    """Return what evaluates on images; only a supernet may be trained already."""
    if training is None or settings.evaluator == "supernet":
        return SupernetStage(
            space, options, data_dir, settings, training, device, data_workers=data_workers
        )
    if settings.evaluator == "classification":
        return ClassificationStage(space, options, data_dir, settings, training, device)
    return ScratchStage(space, data_dir, settings, training, device)
