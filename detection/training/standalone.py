"""Train one detector on a folder of detection data, from data to weights and accuracy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sized
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from searchspaces import Architecture, SearchSpace

from ..data.layout import VOC, detect_layout
from ..data.loader import batch_order
from ..detector import Detector
from ..errors import TrainingError
from ..metric.coco_ap import CocoReport
from ..metric.voc_ap import VocReport
from ..weights import WeightsInfo, save_weights
from .checkpoint import kept_in
from .config import TrainConfig
from .detector_scores import DetectorScores
from .identity import target_identity
from .images import open_detector_data
from .loop import train
from .outputs import checkpoints_beside, refuse_existing
from .paths import one_detector
from .processes import is_first_process, joined_processes
from .report import TrainReport
from .settings import ImageSettings, TrainSettings
from .starts import seeded
from .telling import Tell, telling
from .validation import Progress


@dataclass(frozen=True, slots=True)
class TrainedDetector:
    """Hold a trained detector.

    Attributes:
        detector: In evaluation mode, on the device that it was trained on.
        weights: Where its weights were written.
        training: How the training went.
        accuracy: On the images that score.
        voc: The same by PASCAL VOC's metric, on data in its layout.
    """

    detector: Detector
    weights: Path
    training: TrainReport
    accuracy: CocoReport
    voc: VocReport | None = None


def require_trainable(dataset: Sized, config: TrainConfig, device: str) -> None:
    """Refuse a training that could not do its first step, before anything is written.

    Raises:
        DatasetError: There are fewer images than a batch takes.
        TrainingError: The device is unknown or not here.
    """
    batch_order(len(dataset), config.batch_size, drop_last=True)
    require_device(device)


def require_device(device: str) -> None:
    """Refuse a device that nothing can be computed on.

    Raises:
        TrainingError: It is unknown or not here.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise TrainingError(f"cannot train on device {device!r}: {reason}; use cpu") from error


def train_detector(
    space: SearchSpace,
    arch: Architecture,
    data_dir: str | Path,
    config: TrainConfig | TrainSettings,
    output: str | Path,
    *,
    space_options: Mapping[str, Any],
    start: Detector | None = None,
    notes: Mapping[str, Any] | None = None,
    others: Mapping[str, Any] | None = None,
    resume: bool = False,
    device: str = "cpu",
    tell: Tell | None = None,
    progress: Progress | None = None,
) -> TrainedDetector:
    """Train an architecture, score it on images that it has not seen and write its weights.

    Started by torchrun, all processes train together and the first one writes.

    Args:
        space: Where the architecture lies.
        arch: What is trained.
        data_dir: Folder of detection data with a split to train on and one to score on.
        config: Settings of the training; with those of its images where they are not the usual.
        output: The weights file (.safetensors); checkpoints go to a folder beside it.
        space_options: What the space was made with, written into the weights file.
        start: A detector whose weights are the starting point, such as a supernet's path; weights
            drawn from the seed if left out.
        notes: What else is written beside the weights.
        others: As for :func:`train`.
        resume: Go on from the last checkpoint, if there is one.
        device: For example ``cpu`` or ``cuda:0``.
        tell: Called with what follows from what was asked for, a sentence each.
        progress: Called as ``progress(message, done, total)`` in steps, at last in images.

    Raises:
        DatasetError: The data is not there or damaged, has no outlines for a detector of masks,
            has another number of classes than the detector, other classes or the same images in
            the two splits, no object to score, or fewer images than a batch.
        TrainingError: The device is not here, or the loss became infinite or NaN.
        CheckpointError: The output exists and ``resume`` is off; or a checkpoint is damaged or
            belongs to other settings; or a file cannot be written.
    """
    spec, output = space.detector(arch), Path(output)
    settings = config if isinstance(config, TrainSettings) else TrainSettings(config)
    checkpoints = checkpoints_beside(output)
    if not resume:
        refuse_existing(output, checkpoints)
    data = open_detector_data(data_dir, spec, settings.images, settings.config.seed)
    settings = settings.for_images(len(data.training))
    config = settings.config
    require_trainable(data.training, config, device)
    detector = seeded(lambda: Detector(spec), config.seed) if start is None else start
    with joined_processes(device) as local:
        by_voc = detect_layout(data_dir) == VOC
        scores = DetectorScores(detector, data.scoring, local, config.workers, voc=by_voc)
        report = train(
            one_detector(detector),
            detector,
            data.training,
            config,
            checkpoints,
            resume=resume,
            device=local,
            validate=scores,
            others={
                **_identity(settings.images),
                **target_identity(space, arch, space_options, spec),
                **(others or {}),
            },
            progress=telling(settings.changes, tell, progress),
        )
        accuracy = scores.of_run(report, progress)
    info = WeightsInfo(
        space=space.name,
        num_classes=spec.num_classes,
        architecture=space.encode(arch),
        space_options=json.loads(json.dumps(dict(space_options))),
        label_names=data.training.annotations.class_names,
        notes={**_notes(settings, accuracy), **(notes or {})},
    )
    if is_first_process():
        save_weights(output, detector, info, partial(kept_in, checkpoints))
    return TrainedDetector(detector, output, report, accuracy, scores.voc)


def _notes(settings: TrainSettings, accuracy: CocoReport) -> dict[str, Any]:
    """Return what is written beside the weights: how they were trained, how good they are."""
    images = settings.images
    notes = {
        "seed": settings.config.seed,
        "config": json.loads(json.dumps(asdict(settings.config))),
        "split": images.split,
        "score_split": images.scored,
        "changes": list(settings.changes),
        "ap": accuracy.ap,
        "ap50": accuracy.ap50,
    }
    return notes if accuracy.masks is None else {**notes, "mask_ap": accuracy.masks.ap}


def _identity(images: ImageSettings) -> dict[str, Any]:
    """Return which images decide the steps; usual ones go unsaid."""
    usual = asdict(ImageSettings())
    return {name: value for name, value in asdict(images).items() if value != usual[name]}
