"""Reading the parts of a COCO instances file, checked field by field, into plain columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError
from .segments import read_segment

LARGEST_ID = 2**53  # the largest range of integers that every JSON reader keeps exact
LARGEST_PIXEL = 1e7
LARGEST_AREA = LARGEST_PIXEL**2


@dataclass(frozen=True, slots=True)
class CocoImage:
    """Name one image of a data set.

    Attributes:
        id: Its id in the file.
        file_name: Its path below the images folder.
        height: Pixels.
        width: Pixels.
    """

    id: int
    file_name: str
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class CocoCategory:
    """Name one category of a data set; ids may have gaps."""

    id: int
    name: str


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
    """

    image_index: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float64]
    areas: npt.NDArray[np.float64]
    crowd: npt.NDArray[np.bool_]
    segments: npt.NDArray[np.object_] | None = None

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
        )

    def rows_of(self, image_index: int) -> slice:
        """Return the rows of one image."""
        first, last = np.searchsorted(self.image_index, [image_index, image_index + 1])
        return slice(int(first), int(last))


class _Identified(Protocol):
    @property
    def id(self) -> int: ...


def read_document(path: Path) -> Mapping[str, Any]:
    """Return the JSON object of a file.

    Raises:
        DatasetError: The file cannot be read, is no JSON or no object.
    """
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such annotation file") from None
    except RecursionError:
        raise DatasetError(f"{path}: not COCO JSON (nested too deeply)") from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: not COCO JSON ({error})") from error
    if not isinstance(document, dict):
        raise DatasetError(
            f"{path}: not COCO JSON (expected an object with images, annotations and categories, "
            f"got {type(document).__name__})"
        )
    return document


class SectionReader:
    """Read the three sections of an instances document; every error names file and field."""

    def __init__(self, path: Path, document: Mapping[str, Any]) -> None:
        self._path = path
        self._document = document

    def images(self) -> tuple[CocoImage, ...]:
        """Return the images in the file's order.

        Raises:
            DatasetError: A field is missing or wrong, an id occurs twice.
        """
        images = tuple(
            CocoImage(
                self._integer(row, where, "id", 0, LARGEST_ID),
                self._file_name(row, where),
                self._integer(row, where, "height", 1, int(LARGEST_PIXEL)),
                self._integer(row, where, "width", 1, int(LARGEST_PIXEL)),
            )
            for where, row in self._rows("images")
        )
        self._refuse_duplicates("images", images)
        return images

    def categories(self) -> tuple[CocoCategory, ...]:
        """Return the categories in ascending order of their ids.

        Raises:
            DatasetError: A field is missing or wrong, an id occurs twice.
        """
        categories = tuple(
            CocoCategory(
                self._integer(row, where, "id", 0, LARGEST_ID), self._text(row, where, "name")
            )
            for where, row in self._rows("categories")
        )
        self._refuse_duplicates("categories", categories)
        return tuple(sorted(categories, key=lambda category: category.id))

    def objects(
        self,
        images: Sequence[CocoImage],
        categories: Sequence[CocoCategory],
        *,
        masks: bool = False,
    ) -> ObjectTable:
        """Return the annotated objects, in the file's order within each image.

        Args:
            images: Of the file.
            categories: Of the file.
            masks: Whether to read the objects' outlines, which every object must then have.

        Raises:
            DatasetError: A field is missing or wrong, an id occurs twice, an image or category
                is unknown.
        """
        index_of = {image.id: index for index, image in enumerate(images)}
        label_of = {category.id: label for label, category in enumerate(categories)}
        columns: tuple[list[Any], ...] = ([], [], [], [], [], [])
        seen: set[int] = set()
        for where, row in self._rows("annotations"):
            identifier = self._integer(row, where, "id", 0, LARGEST_ID)
            if identifier in seen:
                raise self._error(f"{where}.id", f"{identifier} occurs twice")
            seen.add(identifier)
            box = self._box(row, where)
            image_index = self._known(row, where, "image_id", index_of)
            values = (
                image_index,
                self._known(row, where, "category_id", label_of),
                box,
                self._area(row, where, box),
                bool(self._integer(row, where, "iscrowd", 0, 1, default=0)),
                self._segment(row, where, images[image_index]) if masks else None,
            )
            for column, value in zip(columns, values, strict=True):
                column.append(value)
        return _table(*columns, masks=masks)

    def _error(self, field: str, problem: str) -> DatasetError:
        return DatasetError(f"{self._path}: {field}: {problem}")

    def _rows(self, section: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        rows = self._document.get(section)
        if not isinstance(rows, list):
            found = "missing" if section not in self._document else f"a {type(rows).__name__}"
            raise self._error(section, f"expected a list, it is {found}; this is not COCO JSON")
        for index, row in enumerate(rows):
            where = f"{section}[{index}]"
            if not isinstance(row, dict):
                raise self._error(where, f"expected an object, got {_short(row)}")
            yield where, row

    def _refuse_duplicates(self, section: str, items: Sequence[_Identified]) -> None:
        seen: set[int] = set()
        for index, item in enumerate(items):
            if item.id in seen:
                raise self._error(f"{section}[{index}].id", f"{item.id} occurs twice")
            seen.add(item.id)

    def _value(self, row: Mapping[str, Any], where: str, field: str) -> Any:
        if field not in row:
            raise self._error(f"{where}.{field}", "missing")
        return row[field]

    def _integer(
        self,
        row: Mapping[str, Any],
        where: str,
        field: str,
        low: int,
        high: int,
        default: int | None = None,
    ) -> int:
        if default is not None and field not in row:
            return default
        value = self._value(row, where, field)
        if not isinstance(value, int) or (isinstance(value, bool) and high > 1):
            raise self._error(f"{where}.{field}", f"expected an integer, got {_short(value)}")
        if not low <= value <= high:
            raise self._error(f"{where}.{field}", f"expected {low} to {high}, got {_short(value)}")
        return int(value)

    def _known(
        self, row: Mapping[str, Any], where: str, field: str, known: Mapping[int, int]
    ) -> int:
        value = self._integer(row, where, field, 0, LARGEST_ID)
        if value not in known:
            section = "images" if field == "image_id" else "categories"
            raise self._error(f"{where}.{field}", f"{value} is not among the {section}")
        return known[value]

    def _text(self, row: Mapping[str, Any], where: str, field: str) -> str:
        value = self._value(row, where, field)
        if not isinstance(value, str) or not value.strip():
            raise self._error(f"{where}.{field}", f"expected a text, got {_short(value)}")
        return value

    def _file_name(self, row: Mapping[str, Any], where: str) -> str:
        name = self._text(row, where, "file_name")
        path, foreign = PurePosixPath(name), PureWindowsPath(name)
        outside = path.is_absolute() or foreign.drive or ".." in (*path.parts, *foreign.parts)
        if outside or "\0" in name:
            raise self._error(
                f"{where}.file_name", f"expected a path below the images folder, got {name!r}"
            )
        return name

    def _box(self, row: Mapping[str, Any], where: str) -> Sequence[float]:
        value = self._value(row, where, "bbox")
        if (
            not isinstance(value, list)
            or len(value) != 4
            or not all(_is_number(number, LARGEST_PIXEL) for number in value)
        ):
            raise self._error(
                f"{where}.bbox", f"expected four finite numbers x, y, w, h, got {_short(value)}"
            )
        return value

    def _area(self, row: Mapping[str, Any], where: str, box: Sequence[float]) -> float:
        if "area" not in row:
            return float(max(box[2], 0) * max(box[3], 0))
        value = row["area"]
        if not _is_number(value, LARGEST_AREA) or value < 0:
            raise self._error(f"{where}.area", f"expected a number >= 0, got {_short(value)}")
        return float(value)

    def _segment(self, row: Mapping[str, Any], where: str, image: CocoImage) -> str:
        field = f"{where}.segmentation"
        if not row.get("segmentation"):
            raise self._error(
                field, "missing; a detector with masks needs an outline of every object"
            )
        try:
            return read_segment(row["segmentation"], (image.height, image.width))
        except ValueError as error:
            raise self._error(field, str(error)) from None


def _is_number(value: Any, largest: float) -> bool:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return plain and abs(value) <= largest  # NaN compares false


def _short(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _table(
    image_index: list[int],
    labels: list[int],
    boxes: list[Sequence[float]],
    areas: list[float],
    crowd: list[bool],
    segments: list[str | None],
    *,
    masks: bool,
) -> ObjectTable:
    order = np.argsort(np.asarray(image_index, np.int64), kind="stable")
    return ObjectTable(
        np.asarray(image_index, np.int64)[order],
        np.asarray(labels, np.int64)[order],
        np.asarray(boxes, np.float64).reshape(-1, 4)[order],
        np.asarray(areas, np.float64)[order],
        np.asarray(crowd, np.bool_)[order],
        np.asarray(segments, np.object_)[order] if masks else None,
    )
