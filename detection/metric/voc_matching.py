"""Which object a detection is of, by PASCAL VOC's rule: the one that it overlaps most, or none.

Everingham et al. 2010, "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 88, sec. 4.2, and
the development kit's ``VOCevaldet.m``. The sizes are COCO's, for data of any layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..data.annotations import CocoAnnotations
from .detections import ImageDetections
from .overlap import box_iou

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

NOTHING = -1
SIZES = {"s": (0.0, 32.0**2), "m": (32.0**2, 96.0**2), "l": (96.0**2, float("inf"))}
"""Name -> smallest and largest area in square pixels, both included, as in pycocotools."""


@dataclass(frozen=True, slots=True, eq=False)
class VocBoxes:
    """Objects or detections, a row each.

    Attributes:
        image: (n,) position of the image.
        label: (n,) position of the class.
        boxes: (n, 4) xyxy in original pixels.
        areas: (n,) square pixels.
        scores: (n,) zeros for objects.
        ignored: (n,) false for detections.
    """

    image: Ints
    label: Ints
    boxes: Floats
    areas: Floats
    scores: Floats
    ignored: Bools

    @classmethod
    def of_objects(cls, annotations: CocoAnnotations) -> VocBoxes:
        """Return the annotated objects, in their order."""
        table = annotations.objects
        near = table.boxes[:, :2]
        boxes = np.hstack([near, near + table.boxes[:, 2:]])
        zeros = np.zeros(len(boxes))
        return cls(table.image_index, table.labels, boxes, table.areas, zeros, table.ignored)

    @classmethod
    def of_detections(
        cls, annotations: CocoAnnotations, detections: Sequence[ImageDetections]
    ) -> VocBoxes:
        """Return what was detected, in its order."""
        position = {image.id: index for index, image in enumerate(annotations.images)}
        label = {category_id: row for row, category_id in enumerate(annotations.category_ids)}
        image = [position[item.image_id] for item in detections for _ in range(len(item))]
        labels = [label[one] for item in detections for one in item.category_ids.tolist()]
        boxes = np.concatenate([np.zeros((0, 4)), *(item.boxes for item in detections)])
        return cls(
            np.array(image, np.int64),
            np.array(labels, np.int64),
            boxes,
            (boxes[:, 2:] - boxes[:, :2]).prod(axis=1),
            np.concatenate([np.zeros(0), *(item.scores for item in detections)]),
            np.zeros(len(image), np.bool_),
        )

    def of_label(self, label: int) -> VocBoxes:
        """Return the rows of one class, best score first."""
        rows = np.flatnonzero(self.label == label)
        return self._take(rows[np.argsort(-self.scores[rows], kind="stable")])

    def within(self, size: tuple[float, float]) -> Bools:
        """Return which rows have an area of a size, (n,)."""
        return (self.areas >= size[0]) & (self.areas <= size[1])

    def _take(self, rows: Ints) -> VocBoxes:
        return VocBoxes(
            self.image[rows],
            self.label[rows],
            self.boxes[rows],
            self.areas[rows],
            self.scores[rows],
            self.ignored[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class VocMatches:
    """Say what the detections of one class are of.

    Attributes:
        truth: The objects, (m,) rows.
        found: The detections, (n,) rows, best score first.
        nearest: (n,) row of the object that each is of; ``NOTHING`` for none.
        first: (n,) whether it is the first one of that object.
    """

    truth: VocBoxes
    found: VocBoxes
    nearest: Ints
    first: Bools

    def hits(self, size: tuple[float, float] | None = None) -> tuple[Bools, int]:
        """Return which of the detections that count are hits, and how many objects are wanted.

        Detections of ignored objects do not count. With a size, objects of others are ignored
        too, and so are detections of another size that are of no object.

        Args:
            size: Smallest and largest area; all if left out.

        Returns:
            (k,), best score first, and a count.
        """
        ignored, counted = self.truth.ignored, np.ones(len(self.first), np.bool_)
        if size is not None:
            ignored = ignored | ~self.truth.within(size)
            counted = self.found.within(size)
        matched = self.nearest != NOTHING
        counted[matched] = ~ignored[self.nearest[matched]]
        return (matched & self.first)[counted], int((~ignored).sum())


def match_voc(truth: VocBoxes, found: VocBoxes, least_iou: float) -> VocMatches:
    """Return what each detection of one class is of.

    Args:
        truth: Objects of the class.
        found: Detections of the class, best score first.
        least_iou: From which on a detection is of an object.
    """
    nearest, first = np.full(len(found.image), NOTHING), np.zeros(len(found.image), np.bool_)
    order = np.argsort(truth.image, kind="stable")
    images, boxes = truth.image[order], truth.boxes[order]
    taken = np.zeros(len(order), np.bool_)
    rows_of = np.argsort(found.image, kind="stable")  # by image, best score first within each
    starts = np.flatnonzero(np.diff(found.image[rows_of], prepend=-1))
    for rows in np.split(rows_of, starts[1:]) if len(starts) else ():
        begin, end = np.searchsorted(images, found.image[rows[0]] + np.arange(2))
        if begin == end:
            continue
        iou = box_iou(found.boxes[rows], boxes[begin:end])
        best = begin + iou.argmax(axis=1)
        for row, place, overlap in zip(rows, best, iou.max(axis=1), strict=True):
            if overlap >= least_iou:
                nearest[row], first[row] = order[place], not taken[place]
                taken[place] = True
    return VocMatches(truth, found, nearest, first)
