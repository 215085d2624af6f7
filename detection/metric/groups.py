"""Matched detections by class and by size, so that a fault of few of them is not outvoted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .detections import ImageDetections

SIZES = ("small", "medium", "large")
SIZE_LIMITS_PX = (32.0**2, 96.0**2)
"""Areas that part the sizes: COCO's."""


@dataclass(frozen=True, slots=True)
class MatchGroup:
    """Count the detections of one class, or of one size, on both sides together.

    Attributes:
        category_id: The class; ``None`` for a group by size.
        size: A name of `SIZES`; empty for a group by class.
        needed: Detections that need a partner.
        matched: How many of them have one.
    """

    category_id: int | None
    size: str
    needed: int
    matched: int


def count_groups(
    detections: ImageDetections, needed: npt.NDArray[np.bool_], matched: npt.NDArray[np.bool_]
) -> tuple[MatchGroup, ...]:
    """Count one side's detections by class and by size.

    Args:
        detections: n of them.
        needed: (n,) whether each needs a partner.
        matched: (n,) whether each has one.
    """
    sides = np.clip(detections.boxes[:, 2:] - detections.boxes[:, :2], 0, None)
    size = np.searchsorted(SIZE_LIMITS_PX, sides.prod(axis=1), side="right")
    members: list[tuple[int | None, str, npt.NDArray[np.bool_]]] = [
        (category_id, "", detections.category_ids == category_id)
        for category_id in np.unique(detections.category_ids).tolist()
    ]
    members += [(None, name, size == index) for index, name in enumerate(SIZES)]
    return tuple(
        MatchGroup(category_id, name, int((mine & needed).sum()), int((mine & matched).sum()))
        for category_id, name, mine in members
        if (mine & needed).any()
    )


def add_groups(groups: Iterable[MatchGroup]) -> tuple[MatchGroup, ...]:
    """Add up the counts of equal groups: classes by id first, then sizes."""
    sums: dict[tuple[int | None, str], tuple[int, int]] = {}
    for group in groups:
        key = (group.category_id, group.size)
        needed, matched = sums.get(key, (0, 0))
        sums[key] = (needed + group.needed, matched + group.matched)
    order = sorted(
        sums, key=lambda key: (key[0] is None, key[0] or 0, SIZES.index(key[1] or "small"))
    )
    return tuple(MatchGroup(*key, *sums[key]) for key in order)
