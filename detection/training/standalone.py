"""Train one detector on a folder in COCO's layout, from data to weights and accuracy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sized
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from searchspaces import MASKS, Architecture, SearchSpace

from ..data.augment import TrainAugment
from ..data.coco import CocoDataset
from ..data.layout import open_split
from ..data.loader import batch_order
from ..data.preprocess import Preprocess
from ..detector import Detector
from ..errors import DatasetError, TrainingError
from ..metric.coco_ap import CocoReport
from ..weights import WeightsInfo, save_weights
from .checkpoint import kept_in
from .config import TrainConfig
from .detector_scores import DetectorScores
from .loop import train
from .outputs import checkpoints_beside, refuse_existing
from .paths import one_detector
from .processes import is_first_process, joined_processes
from .report import TrainReport

Progress = Callable[[str, float, float], None]


@dataclass(frozen=True, slots=True)
class TrainedDetector:
    """Hold a trained detector.

    Attributes:
        detector: In evaluation mode, on the device that it was trained on.
        weights: Where its weights were written.
        training: How the training went.
        accuracy: On the validation split.
    """

    detector: Detector
    weights: Path
    training: TrainReport
    accuracy: CocoReport


def open_training_data(
    data_dir: str | Path,
    input_hw: tuple[int, int],
    num_classes: int,
    *,
    seed: int = 0,
    split: str = "train",
    masks: bool = False,
    augment: TrainAugment | None = None,
) -> CocoDataset:
    """Open the training split with flip and scale jitter, without images that hold no object.

    Args:
        data_dir: Folder in COCO's layout.
        input_hw: Of the detector.
        num_classes: Of the detector.
        seed: Of the augmentation.
        split: Name, or its beginning.
        masks: Whether targets have masks, for a detector that learns them.
        augment: Another flip and jitter than the usual ones.

    Raises:
        DatasetError: The split is not there or damaged, or has another number of classes.
    """
    dataset = open_split(
        data_dir,
        split,
        Preprocess(input_hw),
        augment or TrainAugment(input_hw),
        train=True,
        drop_empty=True,
        seed=seed,
        masks=masks,
    )
    require_classes(dataset, num_classes)
    return dataset


def require_classes(dataset: CocoDataset, num_classes: int) -> None:
    """Refuse data of another number of classes than the detector's.

    Raises:
        DatasetError: The numbers differ.
    """
    names = dataset.annotations.class_names
    if len(names) != num_classes:
        raise DatasetError(
            f"{dataset.annotations.path} has {len(names)} classes ({', '.join(names[:5])}"
            f"{', ...' if len(names) > 5 else ''}), the detector {num_classes}; "
            f"give --classes {len(names)} where the space is profiled or trained"
        )


def require_trainable(dataset: Sized, config: TrainConfig, device: str) -> None:
    """Refuse a training that could not do its first step, before anything is written.

    Raises:
        DatasetError: There are fewer images than a batch takes.
        TrainingError: The device is unknown or not here.
    """
    batch_order(len(dataset), config.batch_size, drop_last=True)
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise TrainingError(f"cannot train on device {device!r}: {reason}; use cpu") from error


def train_detector(
    space: SearchSpace,
    arch: Architecture,
    data_dir: str | Path,
    config: TrainConfig,
    output: str | Path,
    *,
    space_options: Mapping[str, Any],
    start: Detector | None = None,
    augment: TrainAugment | None = None,
    split: str = "train",
    notes: Mapping[str, Any] | None = None,
    others: Mapping[str, Any] | None = None,
    resume: bool = False,
    device: str = "cpu",
    progress: Progress | None = None,
) -> TrainedDetector:
    """Train an architecture, score it on the validation split and write its weights.

    Started by torchrun, all processes train together and the first one writes.

    Args:
        space: Where the architecture lies.
        arch: What is trained.
        data_dir: Folder in COCO's layout with a train and a val split.
        config: Settings of the training.
        output: The weights file (.safetensors); checkpoints go to a folder beside it.
        space_options: What the space was made with, written into the weights file.
        start: A detector whose weights are the starting point, such as a supernet's path; weights
            drawn from ``config.seed`` if left out.
        augment: Another flip and jitter than the usual ones.
        split: What is trained on.
        notes: What else is written beside the weights.
        others: As for :func:`train`.
        resume: Go on from the last checkpoint, if there is one.
        device: For example ``cpu`` or ``cuda:0``.
        progress: Called as ``progress(message, done, total)`` in steps, at last in images.

    Raises:
        DatasetError: The data is not there or damaged, has no outlines for a detector of masks,
            has another number of classes than the detector, other classes in val than in train,
            no object in val, or fewer images than a batch.
        TrainingError: The device is not here, or the loss became infinite or NaN.
        CheckpointError: The output exists and ``resume`` is off; or a checkpoint is damaged or
            belongs to other settings; or a file cannot be written.
    """
    spec, output = space.detector(arch), Path(output)
    checkpoints = checkpoints_beside(output)
    if not resume:
        refuse_existing(output, checkpoints)
    masks = MASKS in spec.output_names
    dataset = open_training_data(
        data_dir,
        spec.input_hw,
        spec.num_classes,
        seed=config.seed,
        split=split,
        masks=masks,
        augment=augment,
    )
    validation = open_split(data_dir, "val", Preprocess(spec.input_hw), masks=masks).plain()
    _require_same_classes(dataset, validation)
    _require_objects(validation)
    require_trainable(dataset, config, device)
    detector = start if start is not None else _fresh(space, arch, config.seed)
    with joined_processes(device) as local:
        scores = DetectorScores(detector, validation, local, config.workers)
        report = train(
            one_detector(detector),
            detector,
            dataset,
            config,
            checkpoints,
            resume=resume,
            device=local,
            validate=scores,
            others=others,
            progress=progress,
        )
        accuracy = scores.of_run(report, progress)
    info = WeightsInfo(
        space=space.name,
        num_classes=spec.num_classes,
        architecture=space.encode(arch),
        space_options=json.loads(json.dumps(dict(space_options))),
        label_names=dataset.annotations.class_names,
        notes={**_notes(config, accuracy), **(notes or {})},
    )
    if is_first_process():
        save_weights(output, detector, info, partial(kept_in, checkpoints))
    return TrainedDetector(detector, output, report, accuracy)


def _notes(config: TrainConfig, accuracy: CocoReport) -> dict[str, Any]:
    """Return what is written beside the weights: how they were trained, how good they are."""
    notes = {
        "seed": config.seed,
        "config": json.loads(json.dumps(asdict(config))),
        "ap": accuracy.ap,
        "ap50": accuracy.ap50,
    }
    return notes if accuracy.masks is None else {**notes, "mask_ap": accuracy.masks.ap}


def _require_same_classes(training: CocoDataset, validation: CocoDataset) -> None:
    """Refuse splits whose labels mean different classes: the score would mean nothing."""
    names, others = training.annotations.class_names, validation.annotations.class_names
    if names != others:
        raise DatasetError(
            f"{validation.annotations.path} has the classes {', '.join(others[:5])}"
            f"{', ...' if len(others) > 5 else ''}, but {training.annotations.path.name} has "
            f"{', '.join(names[:5])}{', ...' if len(names) > 5 else ''}; give both the same "
            "categories in the same order of ids"
        )


def _require_objects(validation: CocoDataset) -> None:
    """Refuse images without any object to find, which would leave the training without a score."""
    annotations = validation.annotations
    if annotations.objects.ignored.all():  # of no object too
        raise DatasetError(
            f"{annotations.path}: none of its {len(annotations.images)} images holds an object "
            "that is no crowd and not difficult, so that nothing can be scored; put annotated "
            "images into val, or draw a split: detfit data split"
        )


def _fresh(space: SearchSpace, arch: Architecture, seed: int) -> Detector:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Detector(space.detector(arch))
