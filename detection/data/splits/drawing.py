"""Drawing splits at random: what the papers hold out of COCO and PASCAL VOC for their searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from searchspaces import write_atomically

from ...errors import DatasetError
from ..files import json_bytes
from ..layout import find_split, find_splits
from .drawn import FOLDER, DrawnSplit, Parts, drawn_document
from .joined import JoinedSplit
from .kinds import HELD_OUT, SPLIT_KINDS, SplitKind
from .split import DataSplit


@dataclass(frozen=True, slots=True)
class SavedSplit:
    """Tell what was drawn.

    Attributes:
        name: By which `find_split` finds it.
        path: Its file.
        images: How many.
    """

    name: str
    path: Path
    images: int


def draw_split(
    folder: str | Path,
    kind: str,
    *,
    source: str | None = None,
    held_out: int = HELD_OUT,
    seed: int = 0,
) -> tuple[SavedSplit, SavedSplit]:
    """Hold random images out of a split, and save both parts as splits of the folder.

    Args:
        folder: A folder in one of `LAYOUTS`; its subfolder ``splits`` is made.
        kind: A key of `SPLIT_KINDS`.
        source: Which split to hold out of; that of the kind if left out.
        held_out: Images.
        seed: Of the drawing; equal seeds and data give equal files.

    Returns:
        What was held out, and the rest.

    Raises:
        DatasetError: The kind or a split is unknown, there are too few images, or the files exist
            with another content.
    """
    folder = Path(folder)
    if kind not in SPLIT_KINDS:
        raise DatasetError(f"split {kind!r} is unknown; known: {', '.join(SPLIT_KINDS)}")
    names = SPLIT_KINDS[kind]
    _refuse_taken(folder, names)
    drawn_from = find_split(folder, source or names.source)
    images = [(part, file) for part, files in _flat(drawn_from) for file in files]
    if not 0 < held_out < len(images):
        raise DatasetError(
            f"{folder}: cannot hold {held_out} out of the {len(images)} images of "
            f"{drawn_from.name}; hold out 1 to {len(images) - 1} (--hold-out)"
        )
    held, rest = _drawn(images, held_out, seed)
    if names.added:
        rest = (*_flat(find_split(folder, names.added)), *rest)
    _save(folder, seed, {names.held: held, names.rest: rest})
    return _saved(folder, names.held, held), _saved(folder, names.rest, rest)


def _refuse_taken(folder: Path, kind: SplitKind) -> None:
    taken = {item.name for item in find_splits(folder)} & {kind.held, kind.rest}
    if taken:
        raise DatasetError(f"{folder}: has a split {min(taken)} already; nothing was drawn")


def _flat(split: DataSplit) -> Parts:
    """Return a split as images of the splits that the folder's layout holds."""
    if isinstance(split, DrawnSplit):
        return split.parts()
    if isinstance(split, JoinedSplit):
        return tuple(part for one in split.parts for part in _flat(one))
    return ((split.name, tuple(image.file_name for image in split.load().images)),)


def _drawn(images: Sequence[tuple[str, str]], count: int, seed: int) -> tuple[Parts, Parts]:
    """Return random images and the others, both in the order in which they come."""
    chosen = np.zeros(len(images), np.bool_)
    chosen[np.random.default_rng(seed).permutation(len(images))[:count]] = True
    pairs = list(zip(images, chosen.tolist(), strict=True))
    return (
        _grouped([image for image, taken in pairs if taken]),
        _grouped([image for image, taken in pairs if not taken]),
    )


def _grouped(images: list[tuple[str, str]]) -> Parts:
    """Return images by their splits, both in the order in which they come."""
    files: dict[str, list[str]] = {}
    for split, file in images:
        files.setdefault(split, []).append(file)
    return tuple((split, tuple(names)) for split, names in files.items())


def _file(folder: Path, name: str) -> Path:
    return folder / FOLDER / f"{name}.json"


def _save(folder: Path, seed: int, splits: Mapping[str, Parts]) -> None:
    """Write the files, unless one is there with another content."""
    contents = {
        _file(folder, name): json_bytes(drawn_document(name, seed, parts))
        for name, parts in splits.items()
    }
    for path, content in contents.items():
        if path.is_file() and path.read_bytes() != content:
            raise DatasetError(f"{path} exists and holds other images; remove it to draw anew")
    (folder / FOLDER).mkdir(exist_ok=True)
    for path, content in contents.items():
        write_atomically(path, content)


def _saved(folder: Path, name: str, parts: Parts) -> SavedSplit:
    return SavedSplit(name, _file(folder, name), sum(len(files) for _, files in parts))
