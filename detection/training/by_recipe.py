"""Train as a recipe says: detectors and supernets, on detection data or on classified images."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
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
from .classifier import BackboneClassifier, LabelledImages, top1
from .loop import train
from .processes import current_processes, joined_processes
from .recipe_task import RecipeTask
from .report import TrainReport
from .standalone import TrainedDetector, refuse_existing, require_trainable, train_detector
from .starts import SCRATCH, require_start

Progress = Callable[[str, float, float], None]


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
        progress: Called as ``progress(message, done, total)`` in steps.

    Raises:
        DatasetError: The data is not there, damaged, or does not fit.
        TrainingError: The device is not here, weights to start from are not named, or training
            diverged or was stopped.
        CheckpointError: The output exists and ``resume`` is off; or weights or checkpoints are
            damaged or do not fit.
    """
    require_start(task.recipe.get("start", SCRATCH), task.start)  # before anything is opened
    with joined_processes(device) as local:
        work = _Work(task, Path(data_dir), Path(output), resume, local, progress)
        if not resume:
            refuse_existing(work.output, work.checkpoints)
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
    progress: Progress | None

    @property
    def checkpoints(self) -> Path:
        return self.output.with_suffix(".training")

    @property
    def notes(self) -> dict[str, Any]:
        recipe = self.task.recipe
        return {"recipe": recipe.name, "changes": list(recipe.changes)}


def _train_detector(work: _Work) -> TrainedDetector:
    task, root = work.task, work.task.root()
    if task.architecture is None or not isinstance(root, Detector):
        raise TypeError(f"expected a detector, got {type(root).__name__}")
    return train_detector(
        task.space,
        task.architecture,
        work.data_dir,
        task.recipe.config,
        work.output,
        space_options=task.options,
        start=root,
        augment=task.augment(),
        split=task.recipe.get("split", "train"),
        notes=work.notes,
        resume=work.resume,
        device=work.device,
        progress=work.progress,
    )


def _train_supernet(work: _Work) -> TrainedWeights:
    dataset = work.task.open_detection(work.data_dir)
    require_trainable(dataset, work.task.recipe.config, work.device)
    root = work.task.root()
    report = _train(work, root, dataset, 0)
    _save(work, root, dataset.annotations.class_names)
    return TrainedWeights(work.output, report)


def _classify(work: _Work) -> TrainedWeights:
    dataset = work.task.open_classified(work.data_dir)
    require_trainable(dataset, work.task.recipe.config, work.device)
    root, classes = work.task.root(), len(dataset.images.class_names)
    learner, both = work.task.learner(root, classes)
    report = _loop(work, learner, both, LabelledImages(dataset))
    _save(work, root, ())
    example = learner(0)
    if not isinstance(root, Detector) or not isinstance(example, BackboneClassifier):
        return TrainedWeights(work.output, report)  # each path needs statistics of its own
    return TrainedWeights(work.output, report, _validate(work, example))


def _train(work: _Work, root: Any, dataset: TrainingData, classes: int) -> TrainReport:
    learner, holder = work.task.learner(root, classes)
    return _loop(work, learner, holder, dataset)


def _loop(work: _Work, learner: Any, root: nn.Module, dataset: TrainingData) -> TrainReport:
    return train(
        learner,
        root,
        dataset,
        work.task.recipe.config,
        work.checkpoints,
        resume=work.resume,
        device=work.device,
        progress=work.progress,
    )


def _validate(work: _Work, classifier: BackboneClassifier) -> float | None:
    """Return the accuracy on the validation images, if there are any."""
    try:
        images = find_classified(work.data_dir, "val")
    except DatasetError:
        return None
    dataset = ClassificationDataset(images, Preprocess(work.task.input_hw))
    workers = work.task.recipe.config.workers
    return top1(classifier, dataset, device=work.device, workers=workers)


def _save(work: _Work, root: nn.Module, labels: tuple[str, ...]) -> None:
    """Write the weights, by the first of several processes."""
    task = work.task
    arch = task.architecture
    info = WeightsInfo(
        space=task.space.name,
        num_classes=task.spec.num_classes,
        architecture=None if arch is None else task.space.encode(arch),
        space_options=json.loads(json.dumps(dict(task.options))),
        label_names=labels,
        notes={**work.notes, "config": json.loads(json.dumps(asdict(task.recipe.config)))},
    )
    if current_processes().writes:
        save_weights(work.output, root, info)
    current_processes().wait()
