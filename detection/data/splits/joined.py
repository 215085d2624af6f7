"""Several splits as one, such as 2007's and 2012's trainval of PASCAL VOC."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...errors import DatasetError
from ..annotations import CocoAnnotations
from ..coco_json import CocoImage
from ..object_table import ObjectTable
from .split import DataSplit

JOIN = "+"  # between the names of splits that are read as one


@dataclass(frozen=True, slots=True)
class JoinedSplit:
    """Read several splits of one folder as one.

    Attributes:
        name: Their names with ``+`` between.
        parts: In the order of their images; at least one.
    """

    name: str
    parts: tuple[DataSplit, ...]

    @property
    def annotations(self) -> Path:
        """Return the first part's file."""
        return self.parts[0].annotations

    @property
    def images_dir(self) -> Path:
        """Return the innermost folder that holds all images."""
        return common_folder([part.images_dir for part in self.parts])

    def load(self, *, masks: bool = False) -> CocoAnnotations:
        """Read all parts; see `join`.

        Raises:
            DatasetError: A part is wrong, or they do not fit together.
        """
        read = [(part.images_dir, part.load(masks=masks)) for part in self.parts]
        return join(read, self.images_dir, self.annotations)


def common_folder(folders: Sequence[Path]) -> Path:
    """Return the innermost folder that holds all the folders, or is the only one."""
    return Path(os.path.commonpath(folders))


def join(
    parts: Sequence[tuple[Path, CocoAnnotations]], images_dir: Path, path: Path
) -> CocoAnnotations:
    """Return several annotations as one, their images one after the other.

    Image ids stay as they are, unless two parts share one: then all images are numbered anew
    from 1.

    Args:
        parts: Each with its images folder.
        images_dir: The folder that file names are then relative to.
        path: What messages name.

    Raises:
        DatasetError: The parts have other categories, or an image is in several of them.
    """
    first = parts[0][1]
    for _, other in parts[1:]:
        if other.categories != first.categories:
            raise DatasetError(
                f"{other.path}: has other categories than {first.path}; only splits of the same "
                "categories can be joined"
            )
    images = [image for part in parts for image in _renamed(*part, images_dir)]
    times = Counter(image.file_name for image in images)
    twice = [name for name, count in times.items() if count > 1]
    if twice:
        raise DatasetError(f"{path}: image {twice[0]!r} is in several of the splits to be joined")
    offsets = np.cumsum([0, *(len(annotations.images) for _, annotations in parts)])
    tables = [annotations.objects for _, annotations in parts]
    left_out: Counter[str] = Counter()
    for _, part in parts:
        left_out.update(dict(part.left_out))
    return CocoAnnotations(
        path,
        _numbered(images),
        first.categories,
        _stacked(tables, offsets.tolist()),
        tuple(sorted(left_out.items())),
    )


def _renamed(folder: Path, annotations: CocoAnnotations, root: Path) -> Iterator[CocoImage]:
    """Yield the images with file names relative to a folder around theirs."""
    prefix = folder.relative_to(root).as_posix()
    for image in annotations.images:
        name = image.file_name if prefix == "." else f"{prefix}/{image.file_name}"
        yield replace(image, file_name=name)


def _numbered(images: Sequence[CocoImage]) -> tuple[CocoImage, ...]:
    if len({image.id for image in images}) == len(images):
        return tuple(images)
    return tuple(replace(image, id=number) for number, image in enumerate(images, start=1))


def _stacked(tables: Sequence[ObjectTable], offsets: Sequence[int]) -> ObjectTable:
    """Return all objects; ``offsets`` are the positions of the tables' first images."""
    segments = [table.segments for table in tables if table.segments is not None]
    marked = any(table.difficult is not None for table in tables)
    return ObjectTable(
        np.concatenate([t.image_index + o for t, o in zip(tables, offsets, strict=False)]),
        np.concatenate([table.labels for table in tables]),
        np.concatenate([table.boxes for table in tables]),
        np.concatenate([table.areas for table in tables]),
        np.concatenate([table.crowd for table in tables]),
        np.concatenate(segments) if len(segments) == len(tables) else None,
        np.concatenate([table.ignored & ~table.crowd for table in tables]) if marked else None,
    )
