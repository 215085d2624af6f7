"""What the objects of a data set are like: counts by class and size, and what looks wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..annotations import CocoAnnotations
from ..object_table import ObjectTable

# COCO's small, medium and large; a border belongs to the smaller size here.
SIZES = ("s", "m", "l")
SIZE_BORDERS_PX = (32.0**2, 96.0**2)


@dataclass(frozen=True, slots=True)
class ClassCount:
    """Count one class.

    Attributes:
        name: Of the class.
        objects: Of the class, those included that training leaves out.
        images: With at least one of them.
        sizes: Objects by size: small (to 32² px), medium, large (above 96² px).
    """

    name: str
    objects: int
    images: int
    sizes: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class ObjectStats:
    """Count the objects of a data set.

    Attributes:
        classes: In the order of the labels.
        duplicate_boxes: Objects whose class and box another object of the image has too, each
            but the first.
    """

    classes: tuple[ClassCount, ...]
    duplicate_boxes: int

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Return the objects of all classes by size."""
        small, medium, large = (sum(item.sizes[i] for item in self.classes) for i in range(3))
        return small, medium, large


def object_stats(annotations: CocoAnnotations) -> ObjectStats:
    """Count the objects by class and size, and those that occur twice."""
    table = annotations.objects
    size = np.searchsorted(SIZE_BORDERS_PX, table.areas)
    classes = []
    for label, name in enumerate(annotations.class_names):
        mine = table.labels == label
        small, medium, large = np.bincount(size[mine], minlength=len(SIZES)).tolist()
        images = len(np.unique(table.image_index[mine]))
        classes.append(ClassCount(name, int(mine.sum()), images, (small, medium, large)))
    return ObjectStats(tuple(classes), _duplicates(table))


def _duplicates(table: ObjectTable) -> int:
    rows = np.column_stack([table.image_index, table.labels, table.boxes])
    return len(rows) - len(np.unique(rows, axis=0))
