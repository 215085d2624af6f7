"""Which layout a data folder has, which splits it holds, and how one is opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DatasetError
from . import bdd, coco_layout, image_folder, voc
from .files import folder_listing
from .preprocess import Preprocess
from .splits.drawn import DrawnSplit, drawn_splits
from .splits.joined import JOIN, JoinedSplit
from .splits.kinds import HELD_OUT, SAME_IN_2017, drawing_command, kind_drawing, source_of
from .splits.split import DataSplit, pick_split

if TYPE_CHECKING:
    from .augment import Augment
    from .coco import CocoDataset


def _no_roles(splits: Sequence[DataSplit]) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Layout:
    """Say how one kind of data folder is recognised and read.

    Attributes:
        expected: What such a folder holds, for people.
        splits: From a folder to its splits; none where the folder has another layout.
        roles: From the splits to the full names that ``train`` and ``val`` stand for, where the
            field's usual ones are not found by the beginnings of names.
    """

    expected: str
    splits: Callable[[Path], Sequence[DataSplit]]
    roles: Callable[[Sequence[DataSplit]], Mapping[str, str]] = _no_roles


VOC = "voc"
LAYOUTS: dict[str, Layout] = {
    "coco": Layout(coco_layout.EXPECTED, coco_layout.coco_splits),
    VOC: Layout(voc.EXPECTED, voc.voc_splits, voc.voc_roles),
    "bdd100k": Layout(bdd.EXPECTED, bdd.bdd_splits),
}
"""Layouts of detection data, by name; `detect_layout` tries each."""

CLASSIFICATION = "image-folder"


def detect_layout(folder: str | Path) -> str:
    """Return which layout a folder has: a key of `LAYOUTS`, or ``image-folder``.

    Raises:
        DatasetError: The folder is missing, has none of the layouts or several of them; the
            message lists what each one holds.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such data folder")
    fitting = [name for name, layout in LAYOUTS.items() if layout.splits(folder)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise DatasetError(
            f"{folder}: holds several data sets ({', '.join(fitting)}); keep each in a folder of "
            "its own"
        )
    if image_folder.class_folders(folder):
        return CLASSIFICATION
    known = "; ".join(f"{name}: {layout.expected}" for name, layout in LAYOUTS.items())
    raise DatasetError(
        f"{folder}: no data set found; expected one of {known}; {CLASSIFICATION}: "
        f"{image_folder.EXPECTED}; found {folder_listing(folder)}"
    )


def find_splits(folder: str | Path) -> tuple[DataSplit, ...]:
    """Return the splits that a folder of any layout holds, without those that `draw_split` drew.

    Raises:
        DatasetError: As for `detect_layout`, or the folder holds classified images.
    """
    return _splits(Path(folder))[1]


def find_split(folder: str | Path, split: str) -> DataSplit:
    """Return one split of a folder, or several as one.

    Args:
        folder: A folder in one of `LAYOUTS`.
        split: A full name (``val2017``); the beginning of a name that only one has (``val``);
            ``train`` or ``val`` of PASCAL VOC for the usual ones; the full name of a drawn split
            (``archtrain``); several of these with ``+`` between.

    Raises:
        DatasetError: None or several splits fit, and the message lists those that exist; or the
            split can be drawn and was not, and the message ends in the command that does.
    """
    folder = Path(folder)
    layout, splits = _splits(folder)
    whole = any(item.name == split for item in splits)
    names = [split] if whole else split.split(JOIN)
    parts = [_one(folder, layout, splits, name) for name in names]
    return parts[0] if len(parts) == 1 else JoinedSplit(split, tuple(parts))


def open_split(
    folder: str | Path,
    split: str,
    preprocess: Preprocess,
    augment: Augment | None = None,
    *,
    train: bool = False,
    drop_empty: bool = False,
    difficult: bool = False,
    seed: int = 0,
    masks: bool = False,
) -> CocoDataset:
    """Open one split of a folder of any layout as a data set.

    Args:
        folder: A folder in one of `LAYOUTS`.
        split: As for `find_split`.
        preprocess: As for `CocoDataset`.
        augment: As for `CocoDataset`.
        train: As for `CocoDataset`.
        drop_empty: As for `CocoDataset`.
        difficult: Whether training sees the objects that PASCAL VOC marks as difficult.
        seed: As for `CocoDataset`.
        masks: Whether to read the objects' outlines, which all must then have, and to give masks
            with the targets; to measure on, ``.plain()`` of the data set is quicker.

    Raises:
        DatasetError: The split is not there, its annotations are wrong, images are missing, or
            difficult objects are asked for without `train`.
    """
    from .coco import CocoDataset

    if difficult and not train:
        raise DatasetError("difficult objects are never measured on; difficult needs train=True")
    found = find_split(folder, split)
    annotations = found.load(masks=masks)
    return CocoDataset(
        found.images_dir,
        annotations.with_difficult() if difficult else annotations,
        preprocess,
        augment,
        train=train,
        drop_empty=drop_empty,
        seed=seed,
        masks=masks,
    )


def _splits(folder: Path) -> tuple[str, tuple[DataSplit, ...]]:
    """Return the layout of a folder of detection data, and its splits."""
    name = detect_layout(folder)
    if name == CLASSIFICATION:
        raise DatasetError(
            f"{folder}: holds classified images without boxes; they are for pre-training only"
        )
    return name, tuple(LAYOUTS[name].splits(folder))


def _one(folder: Path, layout: str, splits: Sequence[DataSplit], name: str) -> DataSplit:
    if all(item.name != name for item in splits):
        drawn = {item.name: item for item in drawn_splits(folder, splits)}
        if name in drawn:
            return drawn[name]
        name = LAYOUTS[layout].roles(splits).get(name, name)
        if not any(item.name.startswith(name) for item in splits):
            _refuse_undrawn(folder, [item.name for item in splits], name, drawn)
    return pick_split(folder, splits, name)


def _refuse_undrawn(
    folder: Path, found: Collection[str], name: str, drawn: Collection[str]
) -> None:
    """Refuse a split that a command draws and that was not drawn.

    Raises:
        DatasetError: It is one; the message ends in the command. Or COCO 2017 has it by another
            name, which the message ends in.
    """
    kind, same = kind_drawing(name, found), SAME_IN_2017.get(name)
    if kind is not None:
        begin = f"{folder}: split {name} was not drawn yet"
        source = source_of(kind, drawn)
        try:
            split = find_split(folder, source)
        except DatasetError as error:
            reason = str(error).removeprefix(f"{folder}: ")
            raise DatasetError(
                f"{begin}; give `detfit data split --kind {kind}` --from SPLIT, as {reason}"
            ) from error
        command = drawing_command(folder, kind, source, _images_of(split))
        raise DatasetError(f"{begin}; draw it: {command}")
    if same in found:
        raise DatasetError(
            f"{folder}: split {name} is drawn from COCO 2014; of COCO 2017 it is {same}: name that"
        )


def _images_of(split: DataSplit) -> int:
    """Return how many images a split has, or only that there are more than are held out.

    Annotations of large data take long to read, and a refusal is not worth waiting for.
    """
    if isinstance(split, DrawnSplit):
        return sum(len(files) for _, files in split.parts())
    files = 0
    if split.images_dir.is_dir():
        with os.scandir(split.images_dir) as entries:
            files = sum(1 for _ in islice(entries, HELD_OUT + 1))
    return files if files > HELD_OUT else len(split.load().images)
