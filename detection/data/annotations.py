"""COCO annotations: what an instances file says, for training and for evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError
from .coco_json import CocoCategory, CocoImage, SectionReader, read_document
from .object_table import ObjectTable
from .rle import Mask
from .segments import decode_segment

MIN_BOX_PX = 1.0  # a box less wide or high than a pixel teaches nothing


@dataclass(frozen=True, slots=True)
class AnnotationReport:
    """Count what is in an annotation file and what training leaves out or changes.

    Attributes:
        images: Images in the file.
        objects: Annotated objects; ``usable + crowd + difficult + degenerate``.
        usable: Objects that training sees.
        crowd: Crowd regions: kept for evaluation, left out of training.
        degenerate: Objects below one pixel after clipping: left out of training.
        clipped: Usable objects whose box reached outside of its image.
        empty_images: Images without a usable object.
        unused_categories: Names of the categories without a usable object.
        difficult: Objects marked as hard to recognise and no crowd regions: left out of training.
        left_out: What the file holds besides objects of the categories, and how often.
    """

    images: int
    objects: int
    usable: int
    crowd: int
    degenerate: int
    clipped: int
    empty_images: int
    unused_categories: tuple[str, ...]
    difficult: int = 0
    left_out: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class CocoAnnotations:
    """Hold the checked annotations of one data set, in COCO's structure.

    Every reader gives this one form, whatever its files: training, evaluation and export know no
    other.

    Category ids, which may have gaps, become contiguous zero-based labels in ascending order of
    the ids. Training sees boxes clipped to the image, without crowd regions and without boxes
    below one pixel; evaluation sees boxes as they stand in the file, so that AP equals that of
    pycocotools on the same file. Objects marked as difficult are left out of training as crowd
    regions are. `report` counts every difference.

    Attributes:
        path: The file.
        images: Images in the file's order.
        categories: Categories in ascending order of their ids; the position is the label.
        objects: Annotated objects, grouped by image.
        left_out: What else the file holds and how often: categories that are not of the set.
    """

    path: Path
    images: tuple[CocoImage, ...]
    categories: tuple[CocoCategory, ...]
    objects: ObjectTable
    left_out: tuple[tuple[str, int], ...] = ()

    @classmethod
    def load(cls, path: str | Path, *, masks: bool = False) -> CocoAnnotations:
        """Read and check an instances file.

        Args:
            path: The file.
            masks: Whether to read the objects' outlines too; every object must then have one.

        Raises:
            DatasetError: The file is missing, no COCO JSON, holds an id twice, an annotation of
                an unknown image or category, or one without the outline that is asked for; one
                line that names file and field.
        """
        path = Path(path)
        reader = SectionReader(path, read_document(path))
        images, categories = reader.images(), reader.categories()
        objects = reader.objects(images, categories, masks=masks)
        return cls(path, images, categories, objects)

    @property
    def has_masks(self) -> bool:
        """Return whether the objects' outlines were read."""
        return self.objects.segments is not None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the category names by label."""
        return tuple(category.name for category in self.categories)

    @property
    def category_ids(self) -> tuple[int, ...]:
        """Return the category ids by label."""
        return tuple(category.id for category in self.categories)

    def label_of(self, category_id: int) -> int:
        """Return the zero-based label of a category id.

        Raises:
            DatasetError: The file has no such category.
        """
        if category_id not in self.category_ids:
            raise DatasetError(
                f"{self.path}: category id {category_id} is unknown; known: {self.category_ids}"
            )
        return self.category_ids.index(category_id)

    def training_objects(
        self, image_index: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Return what training sees of one image.

        Returns:
            Boxes (n, 4), xyxy in original pixels, clipped to the image, and labels (n,).
        """
        rows = self.objects.rows_of(image_index)
        boxes = self._clipped(rows)
        keep = _usable(boxes, self.objects.ignored[rows])
        return boxes[keep], self.objects.labels[rows][keep]

    def training_masks(self, image_index: int) -> Iterator[Mask]:
        """Yield the pixels (h, w) of each object that `training_objects` gives, in its order.

        One after the other: all masks of a large photograph at once would be large.

        Raises:
            DatasetError: The outlines were not read.
        """
        segments, rows = self.objects.segments, self.objects.rows_of(image_index)
        if segments is None:
            raise DatasetError(f"{self.path}: outlines were not read; load it with masks=True")
        keep = _usable(self._clipped(rows), self.objects.ignored[rows])
        image = self.images[image_index]
        for segment in segments[rows][keep]:
            yield decode_segment(segment, (image.height, image.width))

    def report(self) -> AnnotationReport:
        """Count the file's content and everything that training leaves out or changes."""
        everything = slice(0, len(self.objects.labels))
        boxes = self._clipped(everything)
        crowd, ignored = self.objects.crowd, self.objects.ignored
        usable = _usable(boxes, ignored)
        corners = np.hstack([self.objects.boxes[:, :2], _far_corners(self.objects.boxes)])
        moved = (boxes != corners).any(axis=1)
        used = set(self.objects.labels[usable].tolist())
        return AnnotationReport(
            images=len(self.images),
            objects=len(crowd),
            usable=int(usable.sum()),
            crowd=int(crowd.sum()),
            degenerate=int((~usable & ~ignored).sum()),
            clipped=int((moved & usable).sum()),
            empty_images=len(self.images) - len(np.unique(self.objects.image_index[usable])),
            unused_categories=tuple(
                name for label, name in enumerate(self.class_names) if label not in used
            ),
            difficult=int((ignored & ~crowd).sum()),
            left_out=self.left_out,
        )

    def with_difficult(self) -> CocoAnnotations:
        """Return the same annotations with difficult objects as objects like any other."""
        return replace(self, objects=replace(self.objects, difficult=None))

    def subset(self, image_ids: Iterable[int]) -> CocoAnnotations:
        """Return the same annotations for some of the images only, in the file's order.

        Raises:
            DatasetError: An image id is not in the file.
        """
        wanted = set(image_ids)
        unknown = wanted - {image.id for image in self.images}
        if unknown:
            raise DatasetError(f"{self.path}: image id {min(unknown)} is not in the file")
        kept = [index for index, image in enumerate(self.images) if image.id in wanted]
        position = np.full(len(self.images), -1, np.int64)
        position[kept] = np.arange(len(kept))
        new_index = position[self.objects.image_index]
        objects = self.objects.select(new_index >= 0, new_index)
        return replace(self, images=tuple(self.images[i] for i in kept), objects=objects)

    def ground_truth(self) -> dict[str, list[dict[str, Any]]]:
        """Return the annotations as the COCO metric reads them, boxes as in the file.

        Annotation ids are numbered anew from 1: the metric takes id 0 for "not matched". Outlines
        are there if they were read. Difficult objects are told as crowd regions, the only ones
        that this metric ignores.
        """
        ids = [image.id for image in self.images]
        table = self.objects
        columns = (table.image_index, table.labels, table.boxes, table.areas, table.ignored)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        document: dict[str, list[dict[str, Any]]] = {
            "images": [
                {"id": image.id, "height": image.height, "width": image.width}
                for image in self.images
            ],
            "categories": [{"id": item.id, "name": item.name} for item in self.categories],
            "annotations": [
                {
                    "id": number,
                    "image_id": ids[image_index],
                    "category_id": self.categories[label].id,
                    "bbox": box,
                    "area": area,
                    "iscrowd": int(ignored),
                }
                for number, (image_index, label, box, area, ignored) in enumerate(rows, start=1)
            ],
        }
        if table.segments is not None:
            sizes = [[self.images[i].height, self.images[i].width] for i in table.image_index]
            for row, size, counts in zip(
                document["annotations"], sizes, table.segments, strict=True
            ):
                row["segmentation"] = {"size": size, "counts": counts}
        return document

    def _clipped(self, rows: slice) -> npt.NDArray[np.float64]:
        """Return boxes (n, 4) as xyxy, clipped to their images."""
        boxes = self.objects.boxes[rows]
        sizes = np.array(
            [
                (self.images[index].width, self.images[index].height)
                for index in self.objects.image_index[rows]
            ],
            np.float64,
        ).reshape(-1, 2)
        near = np.clip(boxes[:, :2], 0, sizes)
        return np.hstack([near, np.clip(_far_corners(boxes), 0, sizes)])


def _far_corners(boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return boxes[:, :2] + boxes[:, 2:]


def _usable(
    boxes: npt.NDArray[np.float64], ignored: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    return ((boxes[:, 2:] - boxes[:, :2]) >= MIN_BOX_PX).all(axis=1) & ~ignored
