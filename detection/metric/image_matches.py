"""COCO's matching kept image by image: what AP on any resample of the images is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.annotations import CocoAnnotations
from .coco_ap import check_scorable
from .detections import ImageDetections
from .greedy import FALSE, HIT, IGNORED, match_greedily

AREAS = ("all", "small", "medium", "large")
"""Ranges of the objects' area, in pycocotools' order."""

AREA_RANGES = np.array([[0, 1e10], [0, 32**2], [32**2, 96**2], [96**2, 1e10]], np.float64)
"""(4, 2) lowest and highest area in pixels, both included (pycocotools, ``Params``)."""

IOUS = np.linspace(0.5, 0.95, 10)
"""COCO's thresholds."""

RECALLS = np.linspace(0.0, 1.0, 101)
"""Where COCO reads precision."""

MAX_DETECTIONS = 100
"""Per image and class, the best ones; COCO's third limit, by which AP is defined."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Hold the detections of one class that count for one area range and one IoU threshold.

    Attributes:
        label: Position of the class among the categories.
        area: Position in `AREAS`.
        iou: Position in `IOUS`.
        image: (n,) position of the image of each detection, best score first; what follows the
            last hit is left out, because no precision depends on it.
        hits: (k,) rows of `image` that found an object, ascending; the last one is ``n - 1``.
    """

    label: int
    area: int
    iou: int
    image: Ints
    hits: Ints


@dataclass(frozen=True, slots=True, eq=False)
class ImageMatches:
    """Hold what a detector's detections hit, image by image.

    Attributes:
        image_ids: Ids of the m images, in the annotations' order.
        objects: (classes, areas, m) objects that are to be found.
        rankings: Every class, area range and IoU threshold with at least one hit.
    """

    image_ids: tuple[int, ...]
    objects: Ints
    rankings: tuple[Ranking, ...]

    def __len__(self) -> int:
        return len(self.image_ids)


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Detections or objects of all images: a row each.

    Attributes:
        image: (n,) position of the image.
        label: (n,) position of the class.
        score: (n,) zeros for objects.
        area: (n,) pixels.
        shape: Boxes (n, 4) as x, y, width, height, or n masks.
        crowd: (n,) false for detections.
    """

    image: Ints
    label: Ints
    score: Floats
    area: Floats
    shape: Any
    crowd: npt.NDArray[np.bool_]

    def out_of_range(self) -> npt.NDArray[np.bool_]:
        """Return (areas, n): whose area lies outside of a range."""
        low, high = AREA_RANGES.T[:, :, None]
        outside: npt.NDArray[np.bool_] = (self.area < low) | (self.area > high)
        return outside

    def shapes(self, rows: Ints) -> Any:
        """Return the boxes or masks of some rows."""
        is_array = isinstance(self.shape, np.ndarray)
        return self.shape[rows] if is_array else [self.shape[row] for row in rows.tolist()]


def match_images(
    annotations: CocoAnnotations,
    detections: Sequence[ImageDetections],
    *,
    iou_type: str = "bbox",
) -> ImageMatches:
    """Match detections with objects as pycocotools does; `weighted_ap` needs no more of them.

    Args:
        annotations: Ground truth, crowd regions included.
        detections: At most one entry per image; may be empty.
        iou_type: ``bbox`` or ``segm``.

    Raises:
        MetricError: As in `evaluate_coco`.
    """
    check_scorable(annotations, detections, iou_type)
    truth = _objects(annotations, iou_type)
    found = _detections(annotations, detections, iou_type)
    order = _ranked(annotations, found)
    ids = tuple(image.id for image in annotations.images)
    shape = (len(annotations.categories), len(AREAS), len(ids))
    objects = np.zeros(shape, np.int64)
    area, row = np.nonzero(~(truth.out_of_range() | truth.crowd))
    np.add.at(objects, (truth.label[row], area, truth.image[row]), 1)
    status = _match(truth, found, order)
    return ImageMatches(ids, objects, tuple(_rankings(found, order, status)))


def _objects(annotations: CocoAnnotations, iou_type: str) -> _Table:
    table = annotations.objects
    shape: Any = table.boxes
    if iou_type == "segm":
        shape = [row["segmentation"] for row in annotations.ground_truth()["annotations"]]
    return _Table(
        np.asarray(table.image_index, np.int64),
        np.asarray(table.labels, np.int64),
        np.zeros(len(table.labels)),
        np.asarray(table.areas, np.float64),
        shape,
        np.asarray(table.ignored, np.bool_),
    )


def _detections(
    annotations: CocoAnnotations, detections: Sequence[ImageDetections], iou_type: str
) -> _Table:
    from pycocotools import mask as coco_mask

    position = {image.id: row for row, image in enumerate(annotations.images)}
    label = {category_id: row for row, category_id in enumerate(annotations.category_ids)}
    image = [position[item.image_id] for item in detections for _ in range(len(item))]
    categories = [one for item in detections for one in item.category_ids.tolist()]
    corners = np.concatenate([np.zeros((0, 4)), *(item.boxes for item in detections)])
    sizes = corners[:, 2:] - corners[:, :2]
    shape: Any = np.hstack([corners[:, :2], sizes])
    area = sizes.prod(axis=1)
    if iou_type == "segm":
        shape = [mask for item in detections for mask in item.masks or ()]
        area = np.asarray(coco_mask.area(shape), np.float64) if shape else area
    return _Table(
        np.array(image, np.int64),
        np.array([label[one] for one in categories], np.int64),
        np.concatenate([np.zeros(0), *(item.scores for item in detections)]),
        area,
        shape,
        np.zeros(len(image), np.bool_),
    )


def _ranked(annotations: CocoAnnotations, found: _Table) -> Ints:
    """Return the rows that count: class by class, best score first, ties by image id."""
    rank_of_id = np.argsort(np.argsort([image.id for image in annotations.images]))
    image = rank_of_id[found.image] if len(found.image) else found.image
    grouped = np.lexsort((-found.score, image, found.label))
    label, owner = found.label[grouped], image[grouped]
    starts = np.flatnonzero(np.diff(label, prepend=-1) | np.diff(owner, prepend=-1))
    sizes = np.diff(starts, append=len(grouped))
    place = np.arange(len(grouped)) - np.repeat(starts, sizes)
    best = grouped[place < MAX_DETECTIONS]
    order: Ints = best[np.lexsort((image[best], -found.score[best], found.label[best]))]
    return order


def _match(truth: _Table, found: _Table, order: Ints) -> npt.NDArray[np.int8]:
    """Return (areas, ious, n): what becomes of each detection in `order`."""
    from pycocotools import mask as coco_mask

    outside = found.out_of_range()[:, order]
    status = np.full((len(AREAS), len(IOUS), len(order)), FALSE, np.int8)
    ignored = truth.out_of_range() | truth.crowd
    objects = _groups(truth.image, truth.label)
    for key, places in _groups(found.image[order], found.label[order]).items():
        if key not in objects:
            continue
        rows, crowd = objects[key], truth.crowd[objects[key]]
        shapes = found.shapes(order[places]), truth.shapes(rows)
        iou = np.asarray(coco_mask.iou(*shapes, crowd.tolist())).reshape(len(places), len(rows))
        status[:, :, places] = match_greedily(iou, ignored[:, rows], crowd, IOUS)
    return np.where((status == FALSE) & outside[:, None, :], np.int8(IGNORED), status)


def _groups(image: Ints, label: Ints) -> dict[tuple[int, int], Ints]:
    """Return the rows of every image and class, in their order."""
    if not len(image):
        return {}
    order = np.lexsort((label, image))
    change = np.diff(image[order]) | np.diff(label[order])
    parts = np.split(order, np.flatnonzero(change) + 1)
    return {(int(image[part[0]]), int(label[part[0]])): part for part in parts}


def _rankings(found: _Table, order: Ints, status: npt.NDArray[np.int8]) -> Iterator[Ranking]:
    label, image = found.label[order], found.image[order]
    ends = np.flatnonzero(np.diff(label, append=-1)) + 1
    for start, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=False):
        for area in range(len(AREAS)):
            for iou in range(len(IOUS)):
                here = status[area, iou, start:end]
                counts = here != IGNORED
                hits = np.flatnonzero(here[counts] == HIT)
                if len(hits):
                    seen = image[start:end][counts][: hits[-1] + 1]
                    yield Ranking(int(label[start]), area, iou, seen, hits)
