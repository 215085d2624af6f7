"""The COCO folder layout: which splits a folder holds and how one is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DatasetError
from .annotations import CocoAnnotations
from .preprocess import Preprocess

if TYPE_CHECKING:
    from .augment import Augment
    from .coco import CocoDataset

PREFIX, SUFFIX = "instances_", ".json"
EXPECTED = "expected annotations/instances_SPLIT.json beside SPLIT/ or images/SPLIT/"


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


def find_coco(folder: str | Path) -> tuple[CocoSplit, ...]:
    """Return the splits that a folder in COCO's layout holds, sorted by name.

    Raises:
        DatasetError: The folder is missing or holds no split; the message lists what was found.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such data folder")
    splits = []
    for path in sorted((folder / "annotations").glob(f"{PREFIX}*{SUFFIX}")):
        name = path.name.removeprefix(PREFIX).removesuffix(SUFFIX)
        for images_dir in (folder / name, folder / "images" / name):
            if images_dir.is_dir():
                splits.append(CocoSplit(name, path, images_dir))
                break
    if not splits:
        raise DatasetError(f"{folder}: no COCO split; {EXPECTED}; found {_listing(folder)}")
    return tuple(splits)


def find_split(folder: str | Path, split: str) -> CocoSplit:
    """Return the split of that name, or the only one whose name starts with it.

    Args:
        folder: A folder in COCO's layout.
        split: A full name (``val2017``) or its beginning (``val``).

    Raises:
        DatasetError: None or several splits fit; the message lists those that exist.
    """
    splits = find_coco(folder)
    exact = [item for item in splits if item.name == split]
    matching = exact or [item for item in splits if split and item.name.startswith(split)]
    if len(matching) == 1:
        return matching[0]
    found = ", ".join(item.name for item in matching or splits)
    problem = "fits several splits, name one of" if matching else "is no split, found"
    raise DatasetError(f"{folder}: {split!r} {problem} {found}")


def open_split(
    folder: str | Path,
    split: str,
    preprocess: Preprocess,
    augment: Augment | None = None,
    *,
    train: bool = False,
    drop_empty: bool = False,
    seed: int = 0,
    masks: bool = False,
) -> CocoDataset:
    """Open one split of a folder in COCO's layout as a data set.

    Args:
        folder: Holds annotations/instances_SPLIT.json and SPLIT/ or images/SPLIT/.
        split: As for `find_split`.
        preprocess: As for `CocoDataset`.
        augment: As for `CocoDataset`.
        train: As for `CocoDataset`.
        drop_empty: As for `CocoDataset`.
        seed: As for `CocoDataset`.
        masks: Whether to read the objects' outlines, which all must then have, and to give masks
            with the targets; to measure on, ``.plain()`` of the data set is quicker.

    Raises:
        DatasetError: The split is not there, its annotations are wrong, or images are missing.
    """
    from .coco import CocoDataset

    found = find_split(folder, split)
    return CocoDataset(
        found.images_dir,
        CocoAnnotations.load(found.annotations, masks=masks),
        preprocess,
        augment,
        train=train,
        drop_empty=drop_empty,
        seed=seed,
        masks=masks,
    )


def _listing(folder: Path, limit: int = 8) -> str:
    names = sorted(
        str(path.relative_to(folder))
        for path in (*folder.iterdir(), *(folder / "annotations").glob("*"))
    )
    if not names:
        return "an empty folder"
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if names[limit:] else "")
