"""PASCAL VOC's average precision, in both of its definitions.

Everingham et al. 2010, "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 88, sec. 4.2,
doi:10.1007/s11263-009-0275-4, and the development kits' ``VOCevaldet.m`` and ``VOCap.m``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.annotations import CocoAnnotations
from ..errors import MetricError
from .coco_ap import check_scorable
from .detections import ImageDetections
from .matching import box_iou

LEAST_IOU = 0.5  # of a hit; the border counts, as in VOCevaldet.m
RECALL_POINTS = 11  # 0, 0.1, ... 1 until VOC2009

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class VocClassAp:
    """Hold the accuracy of one class; 0..1, more is better, NaN without an object to be found.

    Attributes:
        name: Of the class.
        category_id: Its id.
        ap: Area under the whole precision-recall curve: VOC2010 and later.
        ap_11_points: Mean precision at eleven recalls: VOC2007 to VOC2009.
        objects: To be found: neither difficult nor crowds.
        ignored: Difficult objects and crowds.
        detections: Of the class.
    """

    name: str
    category_id: int
    ap: float
    ap_11_points: float
    objects: int
    ignored: int
    detections: int


@dataclass(frozen=True, slots=True)
class VocReport:
    """Hold PASCAL VOC's accuracy of one set of detections.

    Attributes:
        classes: By label.
        least_iou: Of a hit.
        n_images: Images of the annotations, all of which count.
        n_detections: Detections that were scored.
    """

    classes: tuple[VocClassAp, ...]
    least_iou: float
    n_images: int
    n_detections: int

    @property
    def ap50(self) -> float:
        """Return the mean AP of the classes that have objects; NaN if none has."""
        return _mean([item.ap for item in self.classes])

    @property
    def ap50_11_points(self) -> float:
        """Return the same by VOC2007's eleven points, as papers quote it on VOC07 test."""
        return _mean([item.ap_11_points for item in self.classes])

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; NaN becomes None."""
        fields = {"ap50": self.ap50, "ap50_11_points": self.ap50_11_points, **asdict(self)}
        fields["classes"] = [_without_nan(item) for item in fields["classes"]]
        return _without_nan(fields)


def evaluate_voc(
    annotations: CocoAnnotations,
    detections: Sequence[ImageDetections],
    *,
    least_iou: float = LEAST_IOU,
) -> VocReport:
    """Score detections as the VOC challenge does.

    Class by class, the best score first, a detection is compared with the object of its image
    that it overlaps most. It is a hit if the IoU reaches `least_iou` and the object was not hit
    before; it is left out if that object is difficult or a crowd; else it is false. Detections
    with equal scores keep the order in which they come.

    Args:
        annotations: Ground truth; every image counts, with or without detections.
        detections: At most one entry per image; may be empty.
        least_iou: Above 0, at most 1.

    Raises:
        MetricError: There are no images, a detection is of an unknown image or category or of an
            image that occurred before, or the IoU is out of range.
    """
    if not 0 < least_iou <= 1:
        raise MetricError(f"least_iou must be above 0 and at most 1, got {least_iou}")
    check_scorable(annotations, detections, "bbox")
    objects = _Boxes.of_objects(annotations)
    found = _Boxes.of_detections(annotations, detections)
    classes = []
    for label, category in enumerate(annotations.categories):
        truth, mine = objects.of_label(label), found.of_label(label)
        hits, counted = _match(truth, mine, least_iou)
        wanted = int((~truth.ignored).sum())
        classes.append(
            VocClassAp(
                category.name,
                category.id,
                ap_all_points(hits[counted], wanted),
                ap_11_points(hits[counted], wanted),
                wanted,
                int(truth.ignored.sum()),
                len(mine.image),
            )
        )
    return VocReport(tuple(classes), least_iou, len(annotations.images), len(found.image))


def ap_all_points(hits: Bools, wanted: int) -> float:
    """Return the area under the precision-recall curve, made monotonous from the right.

    Args:
        hits: Whether each counted detection is a hit, (n,), best score first.
        wanted: Objects to be found.

    Returns:
        0..1, or NaN if nothing is wanted.

    Example:
        >>> round(ap_all_points(np.array([True, False, True]), 2), 4)  # (1 + 2/3) / 2
        0.8333
    """
    if not wanted:
        return math.nan
    precision = _falling_precision(hits)
    return float(precision[hits].sum() / wanted)


def ap_11_points(hits: Bools, wanted: int) -> float:
    """Return the mean over recalls 0, 0.1, ... 1 of the best precision at that recall or above.

    Recalls are compared as fractions: three objects of ten reach 0.3, which the development kit's
    ``0:0.1:1`` in floating point misses.

    Args:
        hits: Whether each counted detection is a hit, (n,), best score first.
        wanted: Objects to be found.

    Returns:
        0..1, or NaN if nothing is wanted.

    Example:
        >>> round(ap_11_points(np.array([True, False, True]), 2), 4)  # (6 * 1 + 5 * 2/3) / 11
        0.8485
    """
    if not wanted:
        return math.nan
    precision = np.append(_falling_precision(hits), 0.0)
    reached = np.cumsum(hits) * (RECALL_POINTS - 1)
    levels = np.arange(RECALL_POINTS) * wanted
    return float(precision[np.searchsorted(reached, levels)].mean())


@dataclass(frozen=True, slots=True, eq=False)
class _Boxes:
    """Objects or detections, a row each.

    Attributes:
        image: (n,) position of the image.
        label: (n,) position of the class.
        boxes: (n, 4) xyxy in original pixels.
        scores: (n,) zeros for objects.
        ignored: (n,) false for detections.
    """

    image: Ints
    label: Ints
    boxes: Floats
    scores: Floats
    ignored: Bools

    @classmethod
    def of_objects(cls, annotations: CocoAnnotations) -> _Boxes:
        table = annotations.objects
        near = table.boxes[:, :2]
        boxes = np.hstack([near, near + table.boxes[:, 2:]])
        zeros = np.zeros(len(boxes))
        return cls(table.image_index, table.labels, boxes, zeros, table.ignored)

    @classmethod
    def of_detections(
        cls, annotations: CocoAnnotations, detections: Sequence[ImageDetections]
    ) -> _Boxes:
        position = {image.id: index for index, image in enumerate(annotations.images)}
        label = {category_id: row for row, category_id in enumerate(annotations.category_ids)}
        image = [position[item.image_id] for item in detections for _ in range(len(item))]
        labels = [label[one] for item in detections for one in item.category_ids.tolist()]
        return cls(
            np.array(image, np.int64),
            np.array(labels, np.int64),
            np.concatenate([np.zeros((0, 4)), *(item.boxes for item in detections)]),
            np.concatenate([np.zeros(0), *(item.scores for item in detections)]),
            np.zeros(len(image), np.bool_),
        )

    def of_label(self, label: int) -> _Boxes:
        """Return the rows of one class, best score first."""
        rows = np.flatnonzero(self.label == label)
        return self.take(rows[np.argsort(-self.scores[rows], kind="stable")])

    def take(self, rows: Ints) -> _Boxes:
        """Return some rows."""
        return _Boxes(
            self.image[rows],
            self.label[rows],
            self.boxes[rows],
            self.scores[rows],
            self.ignored[rows],
        )


def _match(truth: _Boxes, found: _Boxes, least_iou: float) -> tuple[Bools, Bools]:
    """Return which detections of one class are hits, and which count at all; both (n,)."""
    hits, counted = np.zeros(len(found.image), np.bool_), np.ones(len(found.image), np.bool_)
    order = np.argsort(truth.image, kind="stable")
    truth = truth.take(order)
    taken = np.zeros(len(order), np.bool_)
    rows_of = np.argsort(found.image, kind="stable")  # by image, best score first within each
    starts = np.flatnonzero(np.diff(found.image[rows_of], prepend=-1))
    for rows in np.split(rows_of, starts[1:]) if len(starts) else ():
        first, last = np.searchsorted(truth.image, found.image[rows[0]] + np.arange(2))
        if first == last:
            continue
        iou = box_iou(found.boxes[rows], truth.boxes[first:last])
        best = iou.argmax(axis=1)
        for row, nearest, overlap in zip(rows, first + best, iou.max(axis=1), strict=True):
            if overlap >= least_iou:
                counted[row] = not truth.ignored[nearest]
                hits[row] = counted[row] and not taken[nearest]
                taken[nearest] = True
    return hits, counted


def _falling_precision(hits: Bools) -> Floats:
    """Return the best precision at each detection's recall or above, (n,)."""
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    falling: Floats = np.maximum.accumulate(precision[::-1])[::-1]
    return falling


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return math.fsum(defined) / len(defined) if defined else math.nan


def _without_nan(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in fields.items()
    }
