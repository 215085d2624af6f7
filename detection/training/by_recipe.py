"""Train as a recipe says: detectors and supernets, on detection data or on classified images."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from ..data.classification import ClassificationDataset
from ..data.image_folder import find_classified
from ..data.preprocess import Preprocess
from ..detector import Detector
from ..errors import DatasetError
from ..weights import WeightsInfo, save_weights
from .batches import TrainingData
from .checkpoint import kept_in, plain
from .classifier import BackboneClassifier, LabelledImages, top1
from .learnt import learnt_before
from .loop import train
from .outputs import checkpoints_beside, refuse_existing
from .processes import current_processes, joined_processes
from .recipe_task import RecipeTask
from .report import TrainReport
from .standalone import TrainedDetector, require_trainable, train_detector
from .starts import SCRATCH, require_start
from .telling import Tell, telling
from .validation import Progress, Validate

TOP1 = "top1"


@dataclass(frozen=True, slots=True)
class TrainedWeights:
    """Hold what a training without detection score has left.

    Attributes:
        weights: The file.
        training: How it went.
        top1: Share of validation images classified right, 0..1, where a detector's backbone was
            trained to classify and there are such images; else ``None``.
    """

    weights: Path
    training: TrainReport
    top1: float | None = None


def train_by_recipe(
    task: RecipeTask,
    data_dir: str | Path,
    output: str | Path,
    *,
    resume: bool = False,
    device: str = "cpu",
    tell: Tell | None = None,
    progress: Progress | None = None,
) -> TrainedDetector | TrainedWeights:
    """Train as a recipe says and write the weights.

    Started by torchrun, all processes train together; the first one writes.

    Args:
        task: What is trained, and from what.
        data_dir: Detection data, or an image folder where the recipe classifies.
        output: The weights file (.safetensors); checkpoints go to a folder beside it.
        resume: Go on from the last checkpoint, if there is one.
        device: For example ``cpu`` or ``cuda:0``; under torchrun ``cuda`` for one GPU each.
        tell: Called with what follows from what was asked for, a sentence each.
        progress: Called as ``progress(message, done, total)`` in steps.

    Raises:
        DatasetError: The data is not there, damaged, or does not fit; or images that score are
            trained on.
        TrainingError: The device is not here, weights to start from are not named, or training
            diverged or was stopped.
        CheckpointError: The output exists and ``resume`` is off; or weights or checkpoints are
            damaged, do not fit, or cannot be written.
    """
    require_start(task.recipe.get("start", SCRATCH), task.start)  # before anything is opened
    with joined_processes(device) as local:
        work = _Work(task, Path(data_dir), Path(output), resume, local, tell, progress)
        checkpoints = work.checkpoints
        if not resume:
            refuse_existing(work.output, checkpoints)
        if task.classifies:
            return _classify(work)
        return _train_supernet(work) if task.architecture is None else _train_detector(work)


@dataclass(frozen=True, slots=True)
class _Work:
    """A task with everything around it."""

    task: RecipeTask
    data_dir: Path
    output: Path
    resume: bool
    device: str
    tell: Tell | None
    progress: Progress | None

    def heard(self, message: str, done: float, total: float) -> None:
        if self.progress is not None:
            self.progress(message, done, total)

    def on(self, dataset: Sized) -> _Work:
        """Return the same for the images that are trained on."""
        require_trainable(dataset, self.task.recipe.config, self.device)
        return replace(self, task=self.task.for_images(len(dataset)))

    @property
    def checkpoints(self) -> Path:
        return checkpoints_beside(self.output)

    @property
    def notes(self) -> dict[str, Any]:
        recipe = self.task.recipe
        learnt = {} if self.task.classifies else {"split": recipe.train_settings.images.split}
        return {"recipe": recipe.name, "changes": list(recipe.changes), **learnt}

    @property
    def start_notes(self) -> dict[str, Any]:
        """Return what is noted of the start, whose file may be gone when the training ends."""
        recipe = self.task.recipe
        return learnt_before(require_start(recipe.get("start", SCRATCH), self.task.start))


def _train_detector(work: _Work) -> TrainedDetector:
    task, root = work.task, work.task.root()
    if task.architecture is None or not isinstance(root, Detector):
        raise TypeError(f"expected a detector, got {type(root).__name__}")
    return train_detector(
        task.space,
        task.architecture,
        work.data_dir,
        task.recipe.train_settings,
        work.output,
        space_options=task.options,
        start=root,
        notes={"recipe": task.recipe.name},
        others=task.identity,
        resume=work.resume,
        device=work.device,
        tell=work.tell,
        progress=work.progress,
    )


def _train_supernet(work: _Work) -> TrainedWeights:
    dataset = work.task.open_detection(work.data_dir)
    work = work.on(dataset)
    root, before = work.task.root(), work.start_notes
    report = _train(work, root, dataset, 0)
    _save(work, root, dataset.annotations.class_names, before)
    return TrainedWeights(work.output, report)


def _classify(work: _Work) -> TrainedWeights:
    dataset = work.task.open_classified(work.data_dir)
    work = work.on(dataset)
    root, classes = work.task.root(), len(dataset.images.class_names)
    before = work.start_notes
    learner, both = work.task.learner(root, classes)
    validate = _top1_of(work, root, learner(0))
    report = _loop(work, learner, both, LabelledImages(dataset), validate)
    _save(work, root, (), before)
    scores = {} if validate is None else validate(work.heard)
    return TrainedWeights(work.output, report, scores.get(TOP1))


def _train(work: _Work, root: Any, dataset: TrainingData, classes: int) -> TrainReport:
    learner, holder = work.task.learner(root, classes)
    return _loop(work, learner, holder, dataset)


def _loop(
    work: _Work,
    learner: Any,
    root: nn.Module,
    dataset: TrainingData,
    validate: Validate | None = None,
) -> TrainReport:
    recipe = work.task.recipe
    return train(
        learner,
        root,
        dataset,
        recipe.config,
        work.checkpoints,
        resume=work.resume,
        device=work.device,
        validate=validate,
        others=work.task.identity,
        progress=telling(recipe.changes, work.tell, work.progress),
    )


def _top1_of(work: _Work, root: nn.Module, learner: Any) -> Validate | None:
    """Return what scores a backbone, if there are validation images.

    Paths of a supernet have no score: each needs statistics of its own.
    """
    if not isinstance(root, Detector) or not isinstance(learner, BackboneClassifier):
        return None
    try:
        images = find_classified(work.data_dir, "val")
    except DatasetError:
        return None
    dataset = ClassificationDataset(images, Preprocess(work.task.input_hw))
    workers = work.task.recipe.config.workers

    def score(progress: Progress) -> dict[str, float]:
        found = top1(learner, dataset, device=work.device, workers=workers, progress=progress)
        return {TOP1: found}

    return score


def _save(
    work: _Work, root: nn.Module, labels: tuple[str, ...], before: Mapping[str, Any]
) -> None:
    """Write the weights, by the first of several processes."""
    task = work.task
    arch = task.architecture
    info = WeightsInfo(
        space=task.space.name,
        num_classes=task.spec.num_classes,
        architecture=None if arch is None else task.space.encode(arch),
        space_options=plain(task.options),
        label_names=labels,
        notes={**work.notes, **before, "config": plain(asdict(task.recipe.config))},
    )
    kept = partial(kept_in, work.checkpoints)
    current_processes().on_first(lambda: save_weights(work.output, root, info, kept))
