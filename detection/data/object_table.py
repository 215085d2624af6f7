"""The annotated objects of a data set as columns, and how a reader fills them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class ObjectTable:
    """Hold all annotated objects as columns, grouped by image.

    Attributes:
        image_index: Position of each object's image, ascending, (m,) int64.
        labels: Zero-based class index, (m,) int64.
        boxes: x, y, width, height in original pixels as in the file, (m, 4) float64.
        areas: Segment area in square pixels, (m,) float64.
        crowd: Whether the object is a crowd region, (m,) bool.
        segments: Each object's pixels of its image as COCO's compressed run lengths, (m,) of
            str; ``None`` where they were not asked for.
        difficult: Whether the object is marked as hard to recognise (PASCAL VOC), (m,) bool;
            ``None`` where the format has no such mark.
    """

    image_index: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float64]
    areas: npt.NDArray[np.float64]
    crowd: npt.NDArray[np.bool_]
    segments: npt.NDArray[np.object_] | None = None
    difficult: npt.NDArray[np.bool_] | None = None

    @property
    def ignored(self) -> npt.NDArray[np.bool_]:
        """Return which objects, (m,) bool, training leaves out and no metric asks for."""
        return self.crowd if self.difficult is None else self.crowd | self.difficult

    def select(
        self, keep: npt.NDArray[np.bool_], image_index: npt.NDArray[np.int64] | None = None
    ) -> ObjectTable:
        """Return the objects where ``keep`` (m,) is true.

        Args:
            keep: Which objects.
            image_index: New positions of all objects' images, (m,); as they are if ``None``.
        """
        positions = self.image_index if image_index is None else image_index
        return ObjectTable(
            positions[keep],
            self.labels[keep],
            self.boxes[keep],
            self.areas[keep],
            self.crowd[keep],
            None if self.segments is None else self.segments[keep],
            None if self.difficult is None else self.difficult[keep],
        )

    def rows_of(self, image_index: int) -> slice:
        """Return the rows of one image."""
        first, last = np.searchsorted(self.image_index, [image_index, image_index + 1])
        return slice(int(first), int(last))


class ObjectColumns:
    """Collect objects one by one, in any order of their images.

    Args:
        masks: Whether every object comes with its outline.
        difficult: Whether the format marks difficult objects.
    """

    def __init__(self, *, masks: bool = False, difficult: bool = False) -> None:
        self._image_index: list[int] = []
        self._labels: list[int] = []
        self._boxes: list[Sequence[float]] = []
        self._areas: list[float] = []
        self._crowd: list[bool] = []
        self._segments: list[str | None] | None = [] if masks else None
        self._difficult: list[bool] | None = [] if difficult else None

    def add(
        self,
        image_index: int,
        label: int,
        box: Sequence[float],
        area: float,
        *,
        crowd: bool = False,
        segment: str | None = None,
        difficult: bool = False,
    ) -> None:
        """Add one object; the arguments are a row of `ObjectTable`."""
        self._image_index.append(image_index)
        self._labels.append(label)
        self._boxes.append(box)
        self._areas.append(area)
        self._crowd.append(crowd)
        if self._segments is not None:
            self._segments.append(segment)
        if self._difficult is not None:
            self._difficult.append(difficult)

    def table(self) -> ObjectTable:
        """Return the objects grouped by image, in the order of adding within each."""
        image_index = np.asarray(self._image_index, np.int64)
        order = np.argsort(image_index, kind="stable")
        segments, difficult = self._segments, self._difficult
        return ObjectTable(
            image_index[order],
            np.asarray(self._labels, np.int64)[order],
            np.asarray(self._boxes, np.float64).reshape(-1, 4)[order],
            np.asarray(self._areas, np.float64)[order],
            np.asarray(self._crowd, np.bool_)[order],
            None if segments is None else np.asarray(segments, np.object_)[order],
            None if difficult is None else np.asarray(difficult, np.bool_)[order],
        )
