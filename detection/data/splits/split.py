"""What training and evaluation need of a data set on disk, whichever layout it has."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ...errors import DatasetError

if TYPE_CHECKING:
    from ..annotations import CocoAnnotations


class DataSplit(Protocol):
    """One set of annotated images in a folder; a reader of a layout gives a few of them.

    Everything beyond it (loading images, targets, batches, aspect ratios, metrics) reads
    `CocoAnnotations` and knows no layout.
    """

    @property
    def name(self) -> str:
        """Return what it is called: ``train2017``, ``trainval2007``."""
        ...

    @property
    def annotations(self) -> Path:
        """Return the file that says which images belong to it."""
        ...

    @property
    def images_dir(self) -> Path:
        """Return the folder that file names are relative to."""
        ...

    def load(self, *, masks: bool = False) -> CocoAnnotations:
        """Read and check the annotations.

        Args:
            masks: Whether to read the objects' outlines too; every object must then have one.

        Raises:
            DatasetError: A file is missing or damaged, or has no outlines; one line that names
                file and field.
        """
        ...


def pick_split(folder: Path, splits: Iterable[DataSplit], name: str) -> DataSplit:
    """Return the split of that name, or the only one whose name starts with it.

    Args:
        folder: For the message.
        splits: Those that there are.
        name: A full name (``val2017``) or its beginning (``val``).

    Raises:
        DatasetError: None or several splits fit; the message lists those that exist.
    """
    splits = tuple(splits)
    exact = [item for item in splits if item.name == name]
    matching = exact or [item for item in splits if name and item.name.startswith(name)]
    if len(matching) == 1:
        return matching[0]
    found = ", ".join(item.name for item in matching or splits)
    problem = "fits several splits, name one of" if matching else "is no split, found"
    raise DatasetError(f"{folder}: {name!r} {problem} {found}")
