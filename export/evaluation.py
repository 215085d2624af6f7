"""Run torch and engine over a data set; compare what they find, and with the annotations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from detection import (
    CocoAnnotations,
    CocoDataset,
    CocoReport,
    ImageDetections,
    Preprocess,
    match_images,
    open_split,
    score_detections,
)

from .bootstrap import RESAMPLES, Drop, paired_drops
from .errors import VerificationError
from .parity import PARITY_IOU, ParityReport, compare_detections
from .postprocess import Detections
from .records import Accuracy, AccuracyRow

if TYPE_CHECKING:
    from PIL import Image

    from .session import Session

Progress = Callable[[str, float, float], None]

METRICS = {
    "AP": "ap",
    "AP50": "ap50",
    "AP75": "ap75",
    "AP small": "ap_s",
    "AP medium": "ap_m",
    "AP large": "ap_l",
    "AR 1": "ar1",
    "AR 10": "ar10",
    "AR 100": "ar100",
    "AR small": "ar_s",
    "AR medium": "ar_m",
    "AR large": "ar_l",
}
"""Name in reports -> attribute of ``CocoReport``."""

MASK_METRICS = {"mask AP": "ap", "mask AP50": "ap50", "mask AP75": "ap75"}
"""Name in reports -> attribute of the masks' ``CocoReport``, where there are masks."""


class Finder(Protocol):
    """What is compared: a `Session`, or the `Reference`."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the class names by label."""

    @property
    def max_detections(self) -> int | None:
        """Return the length at which lists of detections end, once one was made."""

    def detect_batch(self, images: Sequence[Image.Image]) -> list[Detections]:
        """Detect objects in images, boxes in their own pixels."""


@dataclass(frozen=True, slots=True)
class EvaluationData:
    """Hold the images to verify on.

    Attributes:
        name: Folder and split.
        dataset: The images with their annotations.
    """

    name: str
    dataset: CocoDataset

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def annotations(self) -> CocoAnnotations:
        """Return the annotations of the images."""
        return self.dataset.annotations


@dataclass(frozen=True, slots=True)
class Comparison:
    """Hold what torch and engine found on the same images.

    Attributes:
        parity: Matched detections.
        accuracy: COCO numbers of both.
        torch_coco: COCO's report of torch; ``None`` where no class is shared.
        engine_coco: Likewise of the engine.
        torch_detections: Torch's detections per image, boxes in original pixels.
        engine_detections: The engine's.
    """

    parity: ParityReport
    accuracy: Accuracy
    torch_coco: CocoReport | None
    engine_coco: CocoReport | None
    torch_detections: tuple[Detections, ...]
    engine_detections: tuple[Detections, ...]


def open_data(
    folder: str | Path,
    split: str,
    preprocess: Preprocess,
    limit: int | None = None,
    *,
    masks: bool = False,
) -> EvaluationData:
    """Open a split of a folder in COCO's layout.

    Args:
        folder: The data.
        split: ``val`` or ``val2017``.
        preprocess: The detector's.
        limit: Take only the first images of the annotation file.
        masks: Whether masks are to be scored, for which all objects need outlines.

    Raises:
        DatasetError: The split is not there, its annotations are wrong or lack outlines, or
            images are missing.
        VerificationError: The limit is below 1.
    """
    if limit is not None and limit < 1:
        raise VerificationError(f"limit must be at least 1 image, got {limit}")
    dataset = open_split(folder, split, preprocess, masks=masks).plain()
    if limit is not None:
        dataset = dataset.first(limit)
    return EvaluationData(f"{folder} {split}", dataset)


def compare(
    torch: Finder,
    engine: Session[Any],
    data: EvaluationData,
    progress: Progress | None = None,
    *,
    iou: float = PARITY_IOU,
) -> Comparison:
    """Run torch and engine over the same images and compare.

    Each side has its own labels; detections are of the same class if the names are.

    Args:
        torch: The torch model.
        engine: The engine.
        data: The images.
        progress: Called as ``progress(message, done, total)`` in images.
        iou: IoU from which two boxes are the same detection.

    Raises:
        VerificationError: There are no images.
        DetectError: One side gives something else than detections.
        DatasetError: An image is damaged.
    """
    if not len(data):
        raise VerificationError(f"{data.name}: no image to verify on")
    found_torch, found_engine = _detect_all(torch, engine, data, progress)
    found = tuple(found_torch), tuple(found_engine)
    ids = [image.id for image in data.annotations.images]
    names = (*torch.labels, *(name for name in engine.labels if name not in torch.labels))
    lengths = [side.max_detections for side in (torch, engine) if side.max_detections]
    parity = compare_detections(
        [_by_label(i, found) for i, found in zip(ids, found_torch, strict=True)],
        [
            _by_label(i, found, [names.index(name) for name in engine.labels])
            for i, found in zip(ids, found_engine, strict=True)
        ],
        iou=iou,
        top_d=max(lengths, default=None),  # a list that is cut shorter is a fault
        labels=names,
    )
    classes = shared_classes(torch.labels, data.annotations)
    if not classes:
        note = "the data and the detector share no class by name"
        accuracy = Accuracy(data.name, len(data), note=note)
        return Comparison(parity, accuracy, None, None, *found)
    truth, by_torch = scorable(found_torch, data.annotations, torch.labels)
    by_engine = _of_categories(found_engine, truth, engine.labels)
    torch_coco, engine_coco = (score_detections(truth, one) for one in (by_torch, by_engine))
    if progress is not None:
        progress("resampling the images", len(data), len(data))
    drops = _drops(truth, by_torch, by_engine)
    accuracy = _accuracy(data, classes, torch_coco, engine_coco, drops)
    return Comparison(parity, accuracy, torch_coco, engine_coco, *found)


def shared_classes(labels: Sequence[str], annotations: CocoAnnotations) -> tuple[str, ...]:
    """Return the labels that the data has a category of; case and outer blanks do not matter."""
    known = {_folded(name) for name in annotations.class_names}
    return tuple(label for label in labels if _folded(label) in known)


def score(
    found: Sequence[Detections], annotations: CocoAnnotations, labels: Sequence[str]
) -> CocoReport:
    """Return COCO's numbers over the classes that labels and annotations share by name.

    Args:
        found: Detections per image, in the annotations' order, boxes in original pixels.
        annotations: Ground truth.
        labels: Class names by label.

    Raises:
        VerificationError: No class is shared.
    """
    return score_detections(*scorable(found, annotations, labels))


def scorable(
    found: Sequence[Detections], annotations: CocoAnnotations, labels: Sequence[str]
) -> tuple[CocoAnnotations, list[ImageDetections]]:
    """Return annotations and detections of the classes that both have, by category id.

    Raises:
        VerificationError: No class is shared.
    """
    ids = _category_ids(annotations, labels)
    if (ids < 0).all():
        raise VerificationError(
            f"{annotations.path} has none of the classes {', '.join(labels)}; AP means nothing"
        )
    return _only(annotations, set(ids.tolist())), _of_categories(found, annotations, labels)


def _category_ids(annotations: CocoAnnotations, labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the category id of every label, -1 for one that the annotations lack."""
    category_of = {_folded(item.name): item.id for item in annotations.categories}
    return np.array([category_of.get(_folded(label), -1) for label in labels], np.int64)


def _of_categories(
    found: Sequence[Detections], annotations: CocoAnnotations, labels: Sequence[str]
) -> list[ImageDetections]:
    """Return the detections of the annotations' categories, by category id."""
    ids = _category_ids(annotations, labels)
    detections = []
    for image, item in zip(annotations.images, found, strict=True):
        known = item.select(ids[item.labels] >= 0)
        detections.append(
            ImageDetections(image.id, known.boxes, known.scores, ids[known.labels], known.masks)
        )
    return detections


def _drops(
    truth: CocoAnnotations, torch: Sequence[ImageDetections], engine: Sequence[ImageDetections]
) -> dict[str, Drop]:
    """Return the loss by name in reports, of boxes and, where both sides have them, of masks."""
    kinds = [("bbox", METRICS)]
    if truth.has_masks and all(map(_has_masks, (torch, engine))):
        kinds.append(("segm", MASK_METRICS))
    drops = {}
    for iou_type, names in kinds:
        sides = (match_images(truth, side, iou_type=iou_type) for side in (torch, engine))
        found = paired_drops(*sides)
        drops.update({name: found[field] for name, field in names.items() if field in found})
    return drops


def _has_masks(detections: Sequence[ImageDetections]) -> bool:
    return any(item.masks is not None for item in detections)


def _detect_all(
    torch: Finder, engine: Session[Any], data: EvaluationData, progress: Progress | None
) -> tuple[list[Detections], list[Detections]]:
    images = data.annotations.images
    sides: tuple[list[Detections], list[Detections]] = ([], [])
    for start in range(0, len(images), engine.batch):
        batch = [data.dataset.load(info) for info in images[start : start + engine.batch]]
        for side, found in zip((torch, engine), sides, strict=True):
            found.extend(side.detect_batch(batch))
        if progress is not None:
            progress("comparing torch and engine", len(sides[0]), len(images))
    return sides


def _by_label(
    image_id: int, found: Detections, renumbered: Sequence[int] | None = None
) -> ImageDetections:
    labels = found.labels if renumbered is None else np.asarray(renumbered)[found.labels]
    return ImageDetections(image_id, found.boxes, found.scores, labels, found.masks)


def _only(annotations: CocoAnnotations, category_ids: set[int]) -> CocoAnnotations:
    """Return the annotations without the categories that the detector does not know."""
    kept = [i for i, item in enumerate(annotations.categories) if item.id in category_ids]
    if len(kept) == len(annotations.categories):
        return annotations
    new_label = np.full(len(annotations.categories), -1, np.int64)
    new_label[kept] = np.arange(len(kept))
    labels = new_label[annotations.objects.labels]
    objects = replace(annotations.objects, labels=labels).select(labels >= 0)
    categories = tuple(annotations.categories[i] for i in kept)
    return replace(annotations, categories=categories, objects=objects)


def _accuracy(
    data: EvaluationData,
    classes: tuple[str, ...],
    torch: CocoReport,
    engine: CocoReport,
    drops: Mapping[str, Drop],
) -> Accuracy:
    reports = [(torch, engine, METRICS)]
    if torch.masks is not None and engine.masks is not None:
        reports.append((torch.masks, engine.masks, MASK_METRICS))
    rows = tuple(
        AccuracyRow(
            name,
            _points(getattr(by_torch, field)),
            _points(getattr(by_engine, field)),
            drops[name].ci if name in drops else None,
        )
        for by_torch, by_engine, names in reports
        for name, field in names.items()
    )
    if rows[0].torch is None:
        note = "the images hold no object of a shared class"
        return Accuracy(data.name, len(data), classes, note=note)
    return Accuracy(data.name, len(data), classes, rows, resamples=RESAMPLES if drops else 0)


def _points(value: float) -> float | None:
    return None if math.isnan(value) else 100 * value


def _folded(name: str) -> str:
    return name.strip().casefold()
