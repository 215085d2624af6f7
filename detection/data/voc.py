"""PASCAL VOC: the devkit's folders and annotations.

Everingham et al. 2010, "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 88,
doi:10.1007/s11263-009-0275-4; folders and files as in the VOC2007 and VOC2012 development kits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DatasetError
from .annotations import CocoAnnotations
from .coco_json import CocoCategory, CocoImage
from .files import is_file_name, shortened
from .object_table import ObjectColumns
from .splits.joined import JoinedSplit
from .splits.split import DataSplit
from .voc_xml import read_voc_xml

EXPECTED = (
    "[VOCdevkit/]VOC<year>/ with ImageSets/Main/SPLIT.txt, Annotations/*.xml and JPEGImages/, or "
    "these three alone"
)
LISTS = Path("ImageSets") / "Main"
CLASSES_NAME = "labels.txt"
PUBLIC_TEST = "test2007"

VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
"""The 20 classes by label."""


@dataclass(frozen=True, slots=True)
class VocSplit:
    """Locate one split of a VOC folder.

    Attributes:
        name: List and year, ``trainval2007``, or the list alone in a folder without years.
        annotations: The list: the file that names the images.
        images_dir: The folder of the years, or the only one.
    """

    name: str
    annotations: Path
    images_dir: Path

    def load(self, *, masks: bool = False) -> CocoAnnotations:
        """Read the list and the annotation of each of its images.

        Boxes are turned from VOC's pixels, which count from 1 and include the last one, into
        edges: see :class:`.voc_xml.VocObject`. Image ids are the digits of the file names
        (``2008_000008`` is 2008000008), or count from 1 where these do not tell images apart.

        Raises:
            DatasetError: A list or an annotation is missing or wrong, an object is of an unknown
                class, or outlines are asked for.
        """
        if masks:
            raise DatasetError(
                f"{self.annotations}: PASCAL VOC has boxes only; a detector of masks needs "
                "outlines in COCO's format"
            )
        classes = _classes(self.images_dir)
        label_of = {name: label for label, name in enumerate(classes)}
        columns = ObjectColumns(difficult=True)
        folder = self.annotations.parents[2]
        files: list[tuple[str, int, int]] = []
        stems = _read_list(self.annotations)
        for stem in stems:
            path = folder / "Annotations" / f"{stem}.xml"
            annotation = read_voc_xml(path)
            for item in annotation.objects:
                if item.name not in label_of:
                    raise _unknown_class(path, item.name, self.images_dir)
                area = max(item.box[2], 0.0) * max(item.box[3], 0.0)
                label = label_of[item.name]
                columns.add(len(files), label, item.box, area, difficult=item.difficult)
            image = folder / "JPEGImages" / f"{stem}{annotation.suffix}"
            name = image.relative_to(self.images_dir).as_posix()
            files.append((name, annotation.height, annotation.width))
        images = tuple(
            CocoImage(number, *file) for number, file in zip(_image_ids(stems), files, strict=True)
        )
        categories = tuple(CocoCategory(n, name) for n, name in enumerate(classes, start=1))
        return CocoAnnotations(self.annotations, images, categories, columns.table())


def voc_splits(folder: Path) -> tuple[DataSplit, ...]:
    """Return the splits of a folder in VOC's layout; none if it has another.

    First those of single years, by year; then, as in the papers, those of all years that have a
    list of that name: ``trainval0712``.
    """
    if (folder / LISTS).is_dir():
        return tuple(VocSplit(path.stem, path, folder) for path in _list_files(folder))
    for root in (folder / "VOCdevkit", folder):
        years = [path for path in sorted(root.glob("VOC[0-9]*")) if (path / LISTS).is_dir()]
        if years:
            return _of_years(root, years)
    return ()


def voc_roles(splits: Sequence[DataSplit]) -> Mapping[str, str]:
    """Return the usual meaning of ``train`` and ``val``.

    With a test list, as for 07+12: all trainval lists to learn from and the test list of 2007,
    the only one whose annotations are public, to measure on; without one the train and the val
    lists.
    """
    names = [split.name for split in splits]

    def last(beginning: str) -> str | None:
        rest = [name for name in names if name.startswith(beginning)]
        digits = [name for name in rest if name.removeprefix(beginning).isdigit()]
        return digits[-1] if digits else None

    test = PUBLIC_TEST if PUBLIC_TEST in names else last("test")
    train, val = (last("trainval"), test) if test else (last("train"), last("val"))
    found = {"train": train, "val": val}
    return {role: name for role, name in found.items() if name is not None}


def _of_years(root: Path, years: Sequence[Path]) -> tuple[DataSplit, ...]:
    splits = [
        VocSplit(f"{path.stem}{_year(path)}", path, root)
        for year in years
        for path in _list_files(year)
    ]
    lists: dict[str, list[VocSplit]] = {}
    for split in splits:
        lists.setdefault(split.annotations.stem, []).append(split)
    joined = (_joined(name, parts) for name, parts in lists.items() if len(parts) > 1)
    return (*splits, *joined)


def _joined(name: str, parts: Sequence[VocSplit]) -> JoinedSplit:
    short = "".join(_year(part.annotations)[-2:] for part in parts)
    return JoinedSplit(f"{name}{short}", tuple(parts))


def _year(path: Path) -> str:
    return path.parents[2].name.removeprefix("VOC")


def _list_files(year: Path) -> list[Path]:
    """Return the lists of images; those of single classes, ``cat_train.txt``, are left out."""
    files = sorted((year / LISTS).glob("*.txt"))
    stems = {path.stem for path in files}
    return [path for path in files if path.stem.rpartition("_")[2] not in stems - {path.stem}]


def _read_list(path: Path) -> list[str]:
    """Return the file stems that a list names."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: not a list of images ({error})") from error
    stems = [line.strip() for line in lines if line.strip()]
    for number, stem in enumerate(stems, start=1):
        if not is_file_name(stem):
            raise DatasetError(
                f"{path}: name {number}: expected the name of an image without folder and ending, "
                f"got {shortened(stem)}"
            )
    if not stems:
        raise DatasetError(f"{path}: names no image")
    if len(set(stems)) != len(stems):
        twice = next(stem for index, stem in enumerate(stems) if stem in stems[:index])
        raise DatasetError(f"{path}: {shortened(twice)} occurs twice")
    return stems


def _classes(root: Path) -> tuple[str, ...]:
    """Return VOC's classes, or those of the file that other data in this layout brings."""
    path = root / CLASSES_NAME
    if not path.is_file():
        return VOC_CLASSES
    try:
        names = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: not a list of classes ({error})") from error
    if not names or len(set(names)) != len(names):
        raise DatasetError(f"{path}: expected one class a line, each once, got {len(names)} lines")
    return tuple(names)


def _unknown_class(path: Path, name: str, root: Path) -> DatasetError:
    return DatasetError(
        f"{path}: class {shortened(name)} is unknown; known: {', '.join(_classes(root))}; for "
        f"other classes list them in {root / CLASSES_NAME}, one a line"
    )


def _image_ids(stems: Sequence[str]) -> list[int]:
    """Return the digits of the names as ids, or 1, 2, ... where that is no id for each."""
    digits = [stem.replace("_", "") for stem in stems]
    plain = all(text.isascii() and text.isdigit() and len(text) <= 15 for text in digits)
    ids = [int(text) for text in digits] if plain else []
    return ids if len(set(ids)) == len(stems) else list(range(1, len(stems) + 1))
