"""COCO average precision of boxes or masks, through faster-coco-eval or pycocotools."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..data.annotations import CocoAnnotations
from ..data.rle import Rle
from ..errors import MetricError
from .class_ap import ClassAp, class_aps, null_for_nan
from .detections import ImageDetections

NUMBERS = (
    "ap",
    "ap50",
    "ap75",
    "ap_s",
    "ap_m",
    "ap_l",
    "ar1",
    "ar10",
    "ar100",
    "ar_s",
    "ar_m",
    "ar_l",
)
"""The twelve numbers in the order of pycocotools' ``stats``."""

IOU_TYPES = ("bbox", "segm")
"""What is compared: boxes or masks; pycocotools' names."""


@dataclass(frozen=True, slots=True)
class CocoReport:
    """Hold COCO's twelve numbers for one set of detections, each 0..1, more is better.

    A number without ground truth to measure it on (no small objects, say) is NaN, so that no
    comparison with it holds; pycocotools writes -1 there.

    Attributes:
        ap: Mean over IoU 0.50:0.05:0.95 and classes.
        ap50: At IoU 0.50.
        ap75: At IoU 0.75.
        ap_s: Of objects below 32² px.
        ap_m: Of objects between 32² and 96² px.
        ap_l: Of objects above 96² px.
        ar1: Recall with at most 1 detection per image and class, over the same IoUs.
        ar10: With at most 10.
        ar100: With at most 100.
        ar_s: With at most 100, of objects below 32² px.
        ar_m: With at most 100, of objects between 32² and 96² px.
        ar_l: With at most 100, of objects above 96² px.
        class_ap: Name, category id and AP of each class, in ascending order of the ids.
        n_images: Images of the annotations, all of which count.
        n_detections: Detections that were scored.
        backend: Which library computed the numbers.
        iou_type: What was compared: one of `IOU_TYPES`.
        masks: The same of the detections' masks, where both sides have masks.
        classes: Each class with all its numbers, in the order of `class_ap`; empty in reports of
            older releases.
    """

    ap: float
    ap50: float
    ap75: float
    ap_s: float
    ap_m: float
    ap_l: float
    ar1: float
    ar10: float
    ar100: float
    ar_s: float
    ar_m: float
    ar_l: float
    class_ap: tuple[tuple[str, int, float], ...]
    n_images: int
    n_detections: int
    backend: str
    iou_type: str = "bbox"
    masks: CocoReport | None = None
    classes: tuple[ClassAp, ...] = ()

    @property
    def numbers(self) -> tuple[float, ...]:
        """Return the twelve numbers in the order of `NUMBERS`."""
        return tuple(getattr(self, name) for name in NUMBERS)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; NaN becomes None."""
        fields = asdict(replace(self, masks=None))
        for name in NUMBERS:
            fields[name] = null_for_nan(fields[name])
        fields["class_ap"] = [
            {"name": name, "category_id": category_id, "ap": null_for_nan(ap)}
            for name, category_id, ap in self.class_ap
        ]
        fields["classes"] = [item.to_dict() for item in self.classes]
        if self.masks is not None:
            fields["masks"] = self.masks.to_dict()
        return fields

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CocoReport:
        """Return the report that `to_dict` described.

        Raises:
            MetricError: A field is missing, unknown or of the wrong form.
        """
        try:
            fields = dict(data)
            for name in NUMBERS:
                fields[name] = _nan_for_null(fields[name])
            fields["class_ap"] = tuple(
                (str(item["name"]), int(item["category_id"]), _nan_for_null(item["ap"]))
                for item in fields["class_ap"]
            )
            fields["classes"] = tuple(map(ClassAp.from_dict, fields.get("classes", ())))
            if fields.get("masks") is not None:
                fields["masks"] = cls.from_dict(fields["masks"])
            return cls(**fields)
        except (KeyError, TypeError, ValueError) as error:
            raise MetricError(f"not a COCO report ({type(error).__name__}: {error})") from error


def evaluate_coco(
    annotations: CocoAnnotations,
    detections: Sequence[ImageDetections],
    *,
    backend: str = "faster-coco-eval",
    iou_type: str = "bbox",
) -> CocoReport:
    """Score detections against annotations.

    Every image of the annotations counts, with or without detections; to measure on some images
    only, pass ``annotations.subset(ids)``. Both backends give the same numbers.

    Args:
        annotations: Ground truth, crowd regions included.
        detections: At most one entry per image; may be empty.
        backend: A key of `METRIC_BACKENDS`.
        iou_type: ``bbox`` or ``segm``: whether boxes or masks are compared.

    Raises:
        MetricError: The backend is unknown, there are no images, a detection is of an unknown
            image or category or of an image that occurred before, or masks are missing that are
            to be compared.
    """
    if backend not in METRIC_BACKENDS:
        raise MetricError(
            f"unknown metric backend {backend!r}; known: {', '.join(sorted(METRIC_BACKENDS))}"
        )
    check_scorable(annotations, detections, iou_type)
    truth = annotations.ground_truth()
    found = {**truth, "annotations": _detection_rows(detections)}
    if iou_type == "segm":
        _add_masks(found["annotations"], detections)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints as it goes
        evaluation = METRIC_BACKENDS[backend](truth, found, iou_type)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = np.asarray(evaluation.eval["precision"])[..., -1]
    classes = class_aps(precision, annotations.categories)
    values = (_nan_for_missing(float(value)) for value in evaluation.stats[: len(NUMBERS)])
    numbers: dict[str, Any] = dict(zip(NUMBERS, values, strict=True))
    return CocoReport(
        **numbers,
        class_ap=tuple((item.name, item.category_id, item.ap) for item in classes),
        n_images=len(annotations.images),
        n_detections=len(found["annotations"]),
        backend=backend,
        iou_type=iou_type,
        classes=classes,
    )


def check_scorable(
    annotations: CocoAnnotations, detections: Sequence[ImageDetections], iou_type: str
) -> None:
    """Refuse detections that are not of the annotations' images and categories.

    Raises:
        MetricError: As in `evaluate_coco`, but for the backend.
    """
    if iou_type not in IOU_TYPES:
        raise MetricError(f"iou_type must be one of {', '.join(IOU_TYPES)}, got {iou_type!r}")
    if not annotations.images:
        raise MetricError(f"{annotations.path}: no images to evaluate on")
    if iou_type == "segm" and not annotations.has_masks:
        raise MetricError(f"{annotations.path}: outlines were not read; load it with masks=True")
    images = {image.id for image in annotations.images}
    categories = set(annotations.category_ids)
    for item in detections:
        if item.image_id not in images:
            raise MetricError(f"image {item.image_id} is unknown or has two entries")
        images.remove(item.image_id)
        unknown = set(item.category_ids.tolist()) - categories
        if unknown:
            raise MetricError(f"image {item.image_id}: category id {min(unknown)} is unknown")
        if iou_type == "segm" and item.masks is None and len(item):
            raise MetricError(f"image {item.image_id}: its detections have no masks to compare")


def _detection_rows(detections: Sequence[ImageDetections]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for item in detections:
        sizes = item.boxes[:, 2:] - item.boxes[:, :2]
        boxes = np.hstack([item.boxes[:, :2], sizes])
        columns = (boxes, sizes.prod(axis=1), item.scores, item.category_ids)
        for box, area, score, category_id in zip(*(c.tolist() for c in columns), strict=True):
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": item.image_id,
                    "category_id": category_id,
                    "bbox": box,
                    "area": area,
                    "score": score,
                    "iscrowd": 0,
                }
            )
    return rows


def _add_masks(rows: list[dict[str, Any]], detections: Sequence[ImageDetections]) -> None:
    """Give every detection's row its mask and the mask's area."""
    from pycocotools import mask as coco_mask

    masks: list[Rle] = []
    for item in detections:
        masks.extend(item.masks or ())
    for row, mask in zip(rows, masks, strict=True):
        row["segmentation"], row["area"] = mask, float(coco_mask.area(mask))


def _pycocotools(truth: dict[str, Any], found: dict[str, Any], iou_type: str) -> Any:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    sides = []
    for dataset in (truth, found):
        side = COCO()
        side.dataset = dataset
        side.createIndex()
        sides.append(side)
    return COCOeval(*sides, iouType=iou_type)


def _faster_coco_eval(truth: dict[str, Any], found: dict[str, Any], iou_type: str) -> Any:
    from faster_coco_eval import COCO, COCOeval_faster

    sides = []
    for dataset in (truth, found):
        side = COCO()
        side.dataset = dataset
        side.createIndex()
        sides.append(side)
    return COCOeval_faster(*sides, iouType=iou_type)


METRIC_BACKENDS: dict[str, Callable[[dict[str, Any], dict[str, Any], str], Any]] = {
    "faster-coco-eval": _faster_coco_eval,
    "pycocotools": _pycocotools,
}
"""Name -> function of ground truth, detections and IoU type that gives the evaluation."""


def _nan_for_missing(value: float) -> float:
    return math.nan if value < 0 else value


def _nan_for_null(value: float | None) -> float:
    return math.nan if value is None else float(value)
