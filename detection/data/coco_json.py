"""Reading the parts of a COCO instances file, checked field by field, into plain columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Protocol

from ..errors import DatasetError
from .files import LONGEST_NAME, is_number, is_text, read_json, shortened
from .object_table import ObjectColumns, ObjectTable
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


class _Identified(Protocol):
    @property
    def id(self) -> int: ...


def read_document(path: Path) -> Mapping[str, Any]:
    """Return the JSON object of a file.

    Raises:
        DatasetError: The file cannot be read, is no JSON or no object.
    """
    document = read_json(path, "COCO JSON")
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
        columns = ObjectColumns(masks=masks)
        seen: set[int] = set()
        for where, row in self._rows("annotations"):
            identifier = self._integer(row, where, "id", 0, LARGEST_ID)
            if identifier in seen:
                raise self._error(f"{where}.id", f"{identifier} occurs twice")
            seen.add(identifier)
            box = self._box(row, where)
            image_index = self._known(row, where, "image_id", index_of)
            columns.add(
                image_index,
                self._known(row, where, "category_id", label_of),
                box,
                self._area(row, where, box),
                crowd=bool(self._integer(row, where, "iscrowd", 0, 1, default=0)),
                segment=self._segment(row, where, images[image_index]) if masks else None,
            )
        return columns.table()

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
                raise self._error(where, f"expected an object, got {shortened(row)}")
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
            raise self._error(f"{where}.{field}", f"expected an integer, got {shortened(value)}")
        if not low <= value <= high:
            raise self._error(
                f"{where}.{field}", f"expected {low} to {high}, got {shortened(value)}"
            )
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
        if not is_text(value):
            raise self._error(f"{where}.{field}", f"expected a text, got {shortened(value)}")
        return str(value)

    def _file_name(self, row: Mapping[str, Any], where: str) -> str:
        name = self._text(row, where, "file_name")
        path, foreign = PurePosixPath(name), PureWindowsPath(name)
        outside = path.is_absolute() or foreign.drive or ".." in (*path.parts, *foreign.parts)
        too_long = any(len(part.encode()) > LONGEST_NAME for part in path.parts)
        if outside or too_long or "\0" in name:
            raise self._error(
                f"{where}.file_name",
                f"expected a path below the images folder, got {shortened(name)}",
            )
        return name

    def _box(self, row: Mapping[str, Any], where: str) -> Sequence[float]:
        value = self._value(row, where, "bbox")
        if (
            not isinstance(value, list)
            or len(value) != 4
            or not all(is_number(number, LARGEST_PIXEL) for number in value)
        ):
            raise self._error(
                f"{where}.bbox", f"expected four finite numbers x, y, w, h, got {shortened(value)}"
            )
        return value

    def _area(self, row: Mapping[str, Any], where: str, box: Sequence[float]) -> float:
        if "area" not in row:
            return float(max(box[2], 0) * max(box[3], 0))
        value = row["area"]
        if not is_number(value, LARGEST_AREA) or value < 0:
            raise self._error(f"{where}.area", f"expected a number >= 0, got {shortened(value)}")
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
