"""The COCO folder layout: which splits a folder holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import DatasetError
from .annotations import CocoAnnotations
from .files import folder_listing

PREFIX, SUFFIX = "instances_", ".json"
EXPECTED = "annotations/instances_SPLIT.json beside SPLIT/ or images/SPLIT/"


@dataclass(frozen=True, slots=True)
class CocoSplit:
    """Locate one split of a COCO folder.

    Attributes:
        name: For example ``train2017``.
        annotations: The instances file.
        images_dir: The folder of its images.
    """

    name: str
    annotations: Path
    images_dir: Path

    def load(self, *, masks: bool = False) -> CocoAnnotations:
        """Read and check the instances file; see `CocoAnnotations.load`.

        Raises:
            DatasetError: The file is wrong, or has no outline that is asked for.
        """
        return CocoAnnotations.load(self.annotations, masks=masks)


def coco_splits(folder: Path) -> tuple[CocoSplit, ...]:
    """Return the splits of a folder in COCO's layout, sorted by name; none if it has another."""
    splits = []
    for path in sorted((folder / "annotations").glob(f"{PREFIX}*{SUFFIX}")):
        name = path.name.removeprefix(PREFIX).removesuffix(SUFFIX)
        for images_dir in (folder / name, folder / "images" / name):
            if images_dir.is_dir():
                splits.append(CocoSplit(name, path, images_dir))
                break
    return tuple(splits)


def find_coco(folder: str | Path) -> tuple[CocoSplit, ...]:
    """Return the splits that a folder in COCO's layout holds, sorted by name.

    Raises:
        DatasetError: The folder is missing or holds no split; the message lists what was found.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such data folder")
    splits = coco_splits(folder)
    if not splits:
        found = folder_listing(folder)
        raise DatasetError(f"{folder}: no COCO split; expected {EXPECTED}; found {found}")
    return splits
