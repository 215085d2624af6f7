"""The splits that can be drawn, which belong together, and the command that draws one."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

TRAIN, VAL = "train", "val"
HELD_OUT = 5_000  # images; CR-NAS, sec. 4.1, and DetNAS, sec. 4.1, hold out as many for the search
FEWER = 10  # images for each that is held out, where there are too few to hold out as many


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

NEEDED = {"minival": "val2014"}
"""Kind -> the split that has to be there for it to mean what its name says."""

SAME_IN_2017 = {"trainval35k": "train2017", "minival": "val2017"}
"""Split of COCO 2014 -> the one of COCO 2017 that holds the same images."""

SCORED_ON = {kind.rest: kind.held for kind in SPLIT_KINDS.values()}
"""Drawn split that is trained on -> the one that was held out of it."""


def score_split_of(split: str) -> str:
    """Return which split scores what is trained on another: the one held out of it, or val.

    Example:
        >>> score_split_of("archtrain"), score_split_of("train")
        ('archval', 'val')
    """
    return SCORED_ON.get(split, VAL)


def kind_drawing(split: str, found: Collection[str]) -> str | None:
    """Return the kind that draws a split; ``None`` where none does.

    Args:
        split: Such as ``archtrain``.
        found: Names of the splits that the folder holds.
    """
    for name, kind in SPLIT_KINDS.items():
        if split in (kind.held, kind.rest):
            return name if NEEDED.get(name) in (None, *found) else None
    return None


def source_of(kind: str, drawn: Collection[str]) -> str:
    """Return the split that images are held out of.

    Args:
        kind: A key of `SPLIT_KINDS`.
        drawn: Names of the splits that were drawn: where trainval35k is one, the papers' images
            for the search are held out of it.
    """
    whole = SPLIT_KINDS["minival"].rest
    return whole if kind == "arch" and whole in drawn else SPLIT_KINDS[kind].source


def drawing_command(folder: Path, kind: str, source: str, images: int) -> str:
    """Return the command that draws the two splits of a kind.

    Args:
        folder: The data folder.
        kind: A key of `SPLIT_KINDS`.
        source: The split that images are held out of.
        images: How many it has; where they are too few for the usual number, the command says
            another one.

    Example:
        >>> drawing_command(Path("shapes"), "arch", "train", 600)
        'detfit data split shapes --kind arch --hold-out 60'
    """
    other = "" if source == SPLIT_KINDS[kind].source else f" --from {source}"
    count = "" if images > HELD_OUT else f" --hold-out {max(images // FEWER, 1)}"
    return f"detfit data split {shlex.quote(str(folder))} --kind {kind}{other}{count}"
