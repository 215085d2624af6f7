"""The splits that can be drawn, which belong together, and the command that draws one."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

TRAIN, VAL = "train", "val"


@dataclass(frozen=True, slots=True)
class SplitKind:
    """Say which two splits are drawn from which.

    Attributes:
        held: Name of the split of the images that are held out.
        rest: Name of the split of the others.
        source: The split that images are held out of, as for `find_split`.
        added: A split whose images join the others; none if empty.
    """

    held: str
    rest: str
    source: str
    added: str = ""


SPLIT_KINDS: dict[str, SplitKind] = {
    # CR-NAS: all training images -> archtrain and 5 k archval; DetNAS: the same on VOC's 07+12.
    "arch": SplitKind("archval", "archtrain", TRAIN),
    # COCO 2014 only. The published minival is val2017, whose folder needs no drawing.
    "minival": SplitKind("minival", "trainval35k", VAL, TRAIN),
}
"""What `draw_split` can draw, by name."""

SCORED_ON = {kind.rest: kind.held for kind in SPLIT_KINDS.values()}
"""Drawn split that is trained on -> the one that was held out of it."""


def score_split_of(split: str) -> str:
    """Return which split scores what is trained on another: the one held out of it, or val.

    Example:
        >>> score_split_of("archtrain"), score_split_of("train")
        ('archval', 'val')
    """
    return SCORED_ON.get(split, VAL)


def drawing_command(folder: Path, split: str, drawn: Collection[str]) -> str | None:
    """Return the command that draws a split; ``None`` where none does.

    Args:
        folder: The data folder.
        split: Such as ``archtrain``.
        drawn: Names of the splits that were drawn there: where trainval35k is one, the papers'
            images for the search are held out of it.
    """
    for name, kind in SPLIT_KINDS.items():
        if split in (kind.held, kind.rest):
            whole = SPLIT_KINDS["minival"].rest
            source = f" --from {whole}" if name == "arch" and whole in drawn else ""
            return f"detfit data split {shlex.quote(str(folder))} --kind {name}{source}"
    return None
