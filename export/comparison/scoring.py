"""COCO's numbers of detections, over the classes that labels and annotations share by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from detection import (
    CocoAnnotations,
    CocoReport,
    ImageDetections,
    match_images,
    score_detections,
)

from ..bundle.postprocess import Detections
from ..errors import VerificationError
from ..gate.bootstrap import RESAMPLES, Drop, paired_drops
from ..records.accuracy import Accuracy, AccuracyRow
from .data import EvaluationData

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
    return _only(annotations, set(ids.tolist())), of_categories(found, annotations, labels)


def _category_ids(annotations: CocoAnnotations, labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the category id of every label, -1 for one that the annotations lack."""
    category_of = {_folded(item.name): item.id for item in annotations.categories}
    return np.array([category_of.get(_folded(label), -1) for label in labels], np.int64)


def of_categories(
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


def drops_between(
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


def accuracy_of(
    data: EvaluationData,
    classes: tuple[str, ...],
    torch: CocoReport,
    engine: CocoReport,
    drops: Mapping[str, Drop],
) -> Accuracy:
    """Return COCO's numbers of both sides, in points, with the intervals of the losses."""
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
