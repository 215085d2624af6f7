"""From which images with boxes weights have learnt, as their files say it.

A search by a supernet scores paths on images that none of its weights may have seen, neither in
their own training nor in one that they began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from ..weights import WeightsInfo, read_weights_info
from .starts import IMAGENET, SCRATCH

LEARNT_BEFORE = "learnt_before"
"""Note of a weights file: the trainings that its start has seen, the last one first."""


@dataclass(frozen=True, slots=True)
class LearntImages:
    """Say from which images a training to detect has learnt, as far as a file does.

    Attributes:
        split: The split; ``None`` if it is not said.
        held_out_sha256: What tells the images that a search has kept out of it, if it did.
    """

    split: str | None = None
    held_out_sha256: str | None = None


def learnt_images(info: WeightsInfo) -> tuple[LearntImages, ...]:
    """Return the trainings to detect that weights have seen, the last one first.

    Classified images are not told of: they are none of detection data. What earlier releases
    have trained to detect does not say what it began with: that is a training that says nothing.

    Example:
        >>> pretrained = WeightsInfo("detnas-nano", 1)
        >>> learnt_images(pretrained)
        ()
    """
    detects = bool(info.label_names)
    before = info.notes.get(LEARNT_BEFORE, [{}] if detects else [])
    rows = [*([info.notes] if detects else []), *(before if isinstance(before, list) else [{}])]
    return tuple(map(_read, rows))


def learnt_before(start: str) -> dict[str, Any]:
    """Return what is noted beside weights of those that their training started from.

    Args:
        start: ``scratch``, ``imagenet`` or a weights file.

    Example:
        >>> learnt_before("imagenet")
        {'learnt_before': []}
    """
    if start in (SCRATCH, IMAGENET):
        return {LEARNT_BEFORE: []}
    try:
        found = learnt_images(read_weights_info(Path(start)))
    except CheckpointError:  # bare tensors; a damaged file is met by who loads it
        found = (LearntImages(),)
    return {LEARNT_BEFORE: [_plain(each) for each in found]}


def _read(row: Any) -> LearntImages:
    """Return what notes, or an item of the note, say; nothing of what is none."""
    told = row if isinstance(row, Mapping) else {}
    split, held_out = told.get("split"), told.get("held_out_sha256")
    return LearntImages(
        split if isinstance(split, str) else None,
        held_out if isinstance(held_out, str) else None,
    )


def _plain(images: LearntImages) -> dict[str, str]:
    return {name: value for name, value in asdict(images).items() if value is not None}
