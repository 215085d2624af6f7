"""Reading the splits of a folder that is to be checked, whatever they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DatasetError
from ..annotations import CocoAnnotations
from ..image_folder import class_folders, find_classified
from ..layout import find_split, find_splits
from ..splits.joined import JoinedSplit


@dataclass(frozen=True, slots=True)
class Member:
    """Hold a split as it was read: annotated images, classified images, or why neither.

    Attributes:
        name: Of the split.
        root: Of its images.
        sizes: Height and width of each image by its name, None where nothing says them.
        class_names: By label.
        annotations: Of a detection split.
        labels: Of each image of a classification split.
        problem: Why it cannot be read; empty where it can.
    """

    name: str
    root: Path
    sizes: Mapping[str, tuple[int, int] | None]
    class_names: tuple[str, ...] = ()
    annotations: CocoAnnotations | None = None
    labels: tuple[int, ...] = ()
    problem: str = ""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return the image files."""
        return tuple(self.root / name for name in self.sizes)


def read_detection(folder: Path, names: Sequence[str]) -> list[Member]:
    """Read splits of annotated images.

    Args:
        folder: In one of `LAYOUTS`.
        names: Of the splits; if empty, all but those that only join others.

    Raises:
        DatasetError: A split is unknown.
    """
    if names:
        splits = [find_split(folder, name) for name in names]
    else:
        splits = [item for item in find_splits(folder) if not isinstance(item, JoinedSplit)]
    members = []
    for split in splits:
        try:
            annotations, root = split.load(), split.images_dir
        except DatasetError as error:
            members.append(Member(split.name, folder, {}, problem=str(error)))
            continue
        sizes = {image.file_name: (image.height, image.width) for image in annotations.images}
        members.append(Member(split.name, root, sizes, annotations.class_names, annotations))
    return members


def read_classified(folder: Path, names: Sequence[str]) -> list[Member]:
    """Read splits of classified images.

    Args:
        folder: In ImageNet's layout.
        names: Of the splits; all if empty.

    Raises:
        DatasetError: A split is unknown.
    """
    known = class_folders(folder)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise DatasetError(f"{folder}: {unknown[0]!r} is no split, found {', '.join(known)}")
    members = []
    for name in names or known:
        try:
            images = find_classified(folder, name)
        except DatasetError as error:
            members.append(Member(name, folder, {}, problem=str(error)))
            continue
        members.append(
            Member(
                name,
                images.root,
                dict.fromkeys(file for file, _ in images.files),
                images.class_names,
                labels=tuple(label for _, label in images.files),
            )
        )
    return members
