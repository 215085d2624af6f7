"""Classified images in the layout of ImageNet: a folder of each class below train and val."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import DatasetError
from .example_images import SUFFIXES

EXPECTED = "train/CLASS/ and val/CLASS/ with images"
SPLITS = ("train", "val")
IMAGE_SUFFIXES = tuple(sorted({*SUFFIXES, *map(str.upper, SUFFIXES)}))


@dataclass(frozen=True, slots=True)
class ClassifiedImages:
    """List the images of one split.

    Attributes:
        name: ``train`` or ``val``.
        root: Its folder.
        class_names: Names of the train split's class folders in alphabetical order; the position
            is the label.
        files: Path below the root and label of each image, by class, then by name.
    """

    name: str
    root: Path
    class_names: tuple[str, ...]
    files: tuple[tuple[str, int], ...]


def class_folders(folder: Path) -> tuple[str, ...]:
    """Return which of train and val hold folders with images; none in another layout."""
    return tuple(name for name in SPLITS if any(_classes_with_images(folder / name)))


def find_classified(folder: str | Path, split: str) -> ClassifiedImages:
    """Return the images of one split; labels are the same for both.

    Raises:
        DatasetError: The folder or the split is missing, has no images, or has a class that the
            train split does not have.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such data folder")
    if split not in SPLITS:
        raise DatasetError(f"{folder}: {split!r} is no split, expected {' or '.join(SPLITS)}")
    class_names = tuple(sorted(_subfolders(folder / SPLITS[0])))
    label_of = {name: label for label, name in enumerate(class_names)}
    unknown = sorted(set(_subfolders(folder / split)) - label_of.keys())
    if unknown:
        raise DatasetError(
            f"{folder / split}: {len(unknown)} classes are not in {SPLITS[0]}/, first {unknown[0]}"
        )
    files = tuple(
        (f"{name}/{file}", label_of[name])
        for name in sorted(_subfolders(folder / split))
        for file in sorted(_image_names(folder / split / name))
    )
    if not files:
        raise DatasetError(f"{folder / split}: no classified images; expected {EXPECTED}")
    return ClassifiedImages(split, folder / split, class_names, files)


def _classes_with_images(root: Path) -> Iterator[str]:
    for name in _subfolders(root):
        if next(_image_names(root / name), None) is not None:
            yield name


def _subfolders(root: Path) -> Iterator[str]:
    if root.is_dir():
        with os.scandir(root) as entries:
            yield from (entry.name for entry in entries if entry.is_dir())


def _image_names(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        yield from (entry.name for entry in entries if entry.name.endswith(IMAGE_SUFFIXES))
