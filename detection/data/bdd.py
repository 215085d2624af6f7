"""BDD100K: its folders and its detection labels, in the forms of 2018 and of 2020.

Yu et al. 2020, "BDD100K: A Diverse Driving Dataset for Heterogeneous Multitask Learning",
arXiv:1805.04687. Classes, their older names and what is ignored are those of the data set's own
tool, bdd100k/configs/det.toml; boxes include their last pixel, as its ``box2d_to_bbox`` says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import DatasetError
from .annotations import CocoAnnotations
from .coco_json import LARGEST_PIXEL, CocoCategory, CocoImage
from .files import is_file_name, is_number, is_text, read_json, shortened
from .object_table import ObjectColumns

EXPECTED = (
    "[bdd100k/]labels/det_20/det_SPLIT.json or labels/bdd100k_labels_images_SPLIT.json beside "
    "images/100k/SPLIT/"
)
LABELS = ("labels/det_20/det_{}.json", "labels/bdd100k_labels_images_{}.json")  # best first
SPLITS = ("train", "val", "test")
PUBLISHED_HW = (720, 1280)  # of every photograph

BDD_CLASSES = (
    *("pedestrian", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"),
    *("traffic light", "traffic sign"),
)
"""The 10 classes by label."""

OTHER_NAMES = {
    "person": "pedestrian",
    "bike": "bicycle",
    "motor": "motorcycle",
    "caravan": "car",
    "van": "car",
}
"""Names in older files -> classes."""

IGNORED_AS = {"other person": "pedestrian", "other vehicle": "car", "trailer": "truck"}
"""Objects that are neither learnt nor counted -> the class whose detections they excuse."""


@dataclass(frozen=True, slots=True)
class BddSplit:
    """Locate one split of a BDD100K folder.

    Attributes:
        name: ``train``, ``val`` or ``test``.
        annotations: The labels file.
        images_dir: The folder of its images.
    """

    name: str
    annotations: Path
    images_dir: Path

    def load(self, *, masks: bool = False) -> CocoAnnotations:
        """Read and check the labels.

        Image ids count from 1 in the file's order. Crowds and what `IGNORED_AS` names are kept
        for evaluation as crowd regions. Labels of other categories, and those without a box
        (lanes, drivable areas), are counted in ``left_out`` by category. An image's size is the
        one that the file gives, or its header's, or `PUBLISHED_HW`.

        Raises:
            DatasetError: The file is wrong, or outlines are asked for.
        """
        if masks:
            raise DatasetError(
                f"{self.annotations}: BDD100K's detection labels are boxes only; a detector of "
                "masks needs outlines in COCO's format"
            )
        reader = _Reader(self.annotations, self.images_dir)
        for index, frame in enumerate(_frames(self.annotations)):
            reader.read(index, frame)
        return reader.annotations()


def bdd_splits(folder: Path) -> tuple[BddSplit, ...]:
    """Return the splits of a BDD100K folder; none if it has another layout.

    Where a split has labels of both forms, those of 2020 are read.
    """
    splits = []
    for name in SPLITS:
        for root in (folder, folder / "bdd100k"):
            files = [root / form.format(name) for form in LABELS]
            present = [path for path in files if path.is_file()]
            images_dir = root / "images" / "100k" / name
            if present and images_dir.is_dir():
                splits.append(BddSplit(name, present[0], images_dir))
                break
    return tuple(splits)


class _Reader:
    """Read frame after frame; every error names file, frame and field."""

    def __init__(self, path: Path, images_dir: Path) -> None:
        self._path = path
        self._images_dir = images_dir
        self._images: list[CocoImage] = []
        self._names: set[str] = set()
        self._columns = ObjectColumns()
        self._left_out: Counter[str] = Counter()
        self._label_of = {name: label for label, name in enumerate(BDD_CLASSES)}

    def annotations(self) -> CocoAnnotations:
        """Return what was read."""
        categories = tuple(CocoCategory(n, name) for n, name in enumerate(BDD_CLASSES, start=1))
        return CocoAnnotations(
            self._path,
            tuple(self._images),
            categories,
            self._columns.table(),
            tuple(sorted(self._left_out.items())),
        )

    def read(self, index: int, frame: Any) -> None:
        """Read one image and its labels."""
        where = f"[{index}]"
        if not isinstance(frame, dict):
            raise self._error(where, f"expected an object, got {shortened(frame)}")
        name = self._file_name(frame, where)
        height, width = self._size(frame, name, where)
        labels = frame.get("labels") or []
        if not isinstance(labels, list):
            raise self._error(f"{where}.labels", f"expected a list, got {shortened(labels)}")
        for position, label in enumerate(labels):
            self._read_label(label, f"{where}.labels[{position}]")
        self._images.append(CocoImage(index + 1, name, height, width))

    def _read_label(self, label: Any, where: str) -> None:
        if not isinstance(label, dict) or not is_text(label.get("category")):
            raise self._error(f"{where}.category", f"expected a text, got {shortened(label)}")
        written: str = label["category"]
        category = OTHER_NAMES.get(written, written)
        known = IGNORED_AS.get(category, category)
        if label.get("box2d") is None or known not in self._label_of:
            self._left_out[written] += 1
            return
        box = self._box(label["box2d"], f"{where}.box2d")
        self._columns.add(
            len(self._images),
            self._label_of[known],
            box,
            max(box[2], 0.0) * max(box[3], 0.0),
            crowd=category in IGNORED_AS or self._is_crowd(label, where),
        )

    def _box(self, value: Any, where: str) -> tuple[float, float, float, float]:
        """Return x, y, width and height, of a box that includes its last pixel."""
        corners: list[Any] = [value.get(k) if isinstance(value, dict) else None for k in _CORNERS]
        if not all(is_number(corner, LARGEST_PIXEL) for corner in corners):
            raise self._error(where, f"expected numbers x1, y1, x2, y2, got {shortened(value)}")
        x1, y1, x2, y2 = (float(corner) for corner in corners)
        return x1, y1, x2 - x1 + 1, y2 - y1 + 1

    def _is_crowd(self, label: Mapping[str, Any], where: str) -> bool:
        attributes = label.get("attributes") or {}
        crowd = attributes.get("crowd", False) if isinstance(attributes, dict) else None
        if crowd not in (False, True):
            field = f"{where}.attributes.crowd"
            raise self._error(field, f"expected true or false, got {shortened(attributes)}")
        return bool(crowd)

    def _file_name(self, frame: Mapping[str, Any], where: str) -> str:
        name: Any = frame.get("name")
        if not is_text(name) or not is_file_name(name):
            raise self._error(
                f"{where}.name", f"expected the name of an image file, got {shortened(name)}"
            )
        if name in self._names:
            raise self._error(f"{where}.name", f"{shortened(name)} occurs twice")
        self._names.add(name)
        return str(name)

    def _size(self, frame: Mapping[str, Any], name: str, where: str) -> tuple[int, int]:
        size = frame.get("size")
        if size is None:
            return _header_hw(self._images_dir / name) or PUBLISHED_HW
        sides: list[Any] = [
            size.get(k) if isinstance(size, dict) else None for k in ("height", "width")
        ]
        if not all(type(side) is int and 1 <= side <= LARGEST_PIXEL for side in sides):
            raise self._error(f"{where}.size", f"expected width and height, got {shortened(size)}")
        return sides[0], sides[1]

    def _error(self, field: str, problem: str) -> DatasetError:
        return DatasetError(f"{self._path}: {field}: {problem}")


_CORNERS = ("x1", "y1", "x2", "y2")


def _frames(path: Path) -> Iterator[Any]:
    """Yield the frames of a file that is a list of them, or an object that holds the list."""
    document = read_json(path, "BDD100K JSON")
    frames = document.get("frames") if isinstance(document, dict) else document
    if not isinstance(frames, list):
        raise DatasetError(
            f"{path}: not BDD100K JSON (expected a list of frames, got {shortened(document)})"
        )
    yield from frames


def _header_hw(path: Path) -> tuple[int, int] | None:
    """Return the size that an image file states; None where there is none to be read.

    Whether the image can be read is another question, which `load_image` answers.
    """
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
