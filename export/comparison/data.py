"""The images that torch and engine are compared on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from detection import CocoAnnotations, CocoDataset, Preprocess, open_split

from ..errors import VerificationError

Progress = Callable[[str, float, float], None]


@dataclass(frozen=True, slots=True)
class EvaluationData:
    """Hold the images to verify on.

    Attributes:
        name: Folder and split.
        dataset: The images with their annotations.
    """

    name: str
    dataset: CocoDataset

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def annotations(self) -> CocoAnnotations:
        """Return the annotations of the images."""
        return self.dataset.annotations


def open_data(
    folder: str | Path,
    split: str,
    preprocess: Preprocess,
    limit: int | None = None,
    *,
    masks: bool = False,
) -> EvaluationData:
    """Open a split of a data folder, of any layout that detection reads.

    Args:
        folder: The data.
        split: ``val`` or ``val2017``.
        preprocess: The detector's.
        limit: Take only the first images of the annotation file.
        masks: Whether masks are to be scored, for which all objects need outlines.

    Raises:
        DatasetError: The split is not there, its annotations are wrong or lack outlines, or
            images are missing.
        VerificationError: The limit is below 1.
    """
    if limit is not None and limit < 1:
        raise VerificationError(f"limit must be at least 1 image, got {limit}")
    dataset = open_split(folder, split, preprocess, masks=masks).plain()
    if limit is not None:
        dataset = dataset.first(limit)
    return EvaluationData(f"{folder} {split}", dataset)
