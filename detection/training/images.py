"""The images of a detector's training: those that it learns from, and those that score it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from searchspaces import MASKS, DetectorSpec

from ..data.augment import TrainAugment
from ..data.coco import CocoDataset
from ..data.layout import open_split
from ..data.preprocess import Preprocess
from ..data.splits.kinds import TRAIN
from ..errors import DatasetError
from .settings import ImageSettings


@dataclass(frozen=True, slots=True)
class DetectorData:
    """Hold the images of a detector's training; none is on both sides.

    Attributes:
        training: Augmented, without images that hold no object.
        scoring: As they are.
    """

    training: CocoDataset
    scoring: CocoDataset


def open_detector_data(
    data_dir: str | Path, spec: DetectorSpec, settings: ImageSettings, seed: int
) -> DetectorData:
    """Open what a detector is trained and scored on.

    Args:
        data_dir: Folder of detection data.
        spec: The detector.
        settings: Which images.
        seed: Of the augmentation.

    Raises:
        DatasetError: A split is not there or damaged, has no outlines for a detector of masks,
            another number of classes than the detector or other ones than the other split; they
            share images; or there is no object to score.
    """
    masks, preprocess = MASKS in spec.output_names, Preprocess(spec.input_hw)
    training = open_training_data(
        data_dir,
        spec.input_hw,
        spec.num_classes,
        seed=seed,
        split=settings.split,
        masks=masks,
        augment=augment_of(settings, spec.input_hw),
    )
    scoring = open_split(data_dir, settings.scored, preprocess, masks=masks).plain()
    _require_same_classes(training, scoring)
    _require_objects(scoring)
    _require_apart(training, scoring, settings)
    return DetectorData(training, scoring)


def augment_of(settings: ImageSettings, input_hw: tuple[int, int]) -> TrainAugment:
    """Return the flip and jitter of images for an input of a height and width."""
    usual = TrainAugment(input_hw)
    flip = usual.flip if settings.flip is None else settings.flip
    return TrainAugment(input_hw, flip=flip, scale=settings.scale or usual.scale)


def open_training_data(
    data_dir: str | Path,
    input_hw: tuple[int, int],
    num_classes: int,
    *,
    seed: int = 0,
    split: str = TRAIN,
    masks: bool = False,
    augment: TrainAugment | None = None,
) -> CocoDataset:
    """Open the training split with flip and scale jitter, without images that hold no object.

    Args:
        data_dir: Folder of detection data.
        input_hw: Of the detector.
        num_classes: Of the detector.
        seed: Of the augmentation.
        split: As for `find_split`.
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


def _require_same_classes(training: CocoDataset, scoring: CocoDataset) -> None:
    """Refuse splits whose labels mean different classes: the score would mean nothing."""
    names, others = training.annotations.class_names, scoring.annotations.class_names
    if names != others:
        raise DatasetError(
            f"{scoring.annotations.path} has the classes {', '.join(others[:5])}"
            f"{', ...' if len(others) > 5 else ''}, but {training.annotations.path.name} has "
            f"{', '.join(names[:5])}{', ...' if len(names) > 5 else ''}; give both the same "
            "categories in the same order of ids"
        )


def _require_objects(scoring: CocoDataset) -> None:
    """Refuse images without any object to find, which would leave the training without a score."""
    annotations = scoring.annotations
    if annotations.objects.ignored.all():  # of no object too
        raise DatasetError(
            f"{annotations.path}: none of its {len(annotations.images)} images holds an object "
            "that is no crowd and not difficult, so that nothing can be scored; put annotated "
            "images into val, or draw a split: detfit data split"
        )


def _require_apart(training: CocoDataset, scoring: CocoDataset, settings: ImageSettings) -> None:
    """Refuse splits with images in common: the score would flatter what learnt them."""
    common = _files(training) & _files(scoring)
    if common:
        raise DatasetError(
            f"split {settings.scored}, which scores, shares {len(common)} images with split "
            f"{settings.split}, which is trained on, first {min(common)}; set split or "
            "score_split to another"
        )


def _files(dataset: CocoDataset) -> set[str]:
    """Return the paths of all images, by whatever split of the folder they were opened."""
    folder = dataset.images_dir
    names = (image.file_name for image in dataset.annotations.images)
    return {os.path.normpath(os.path.join(folder, name)) for name in names}
