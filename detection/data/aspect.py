"""Batches of images of like aspect ratio, as in mmdetection's and torchvision's training.

There it saves padding, as inputs fit their batch. Ours have one size: a batch costs the same, but
its images are padded alike, and batch normalisation sees either portraits or landscapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError

if TYPE_CHECKING:
    from .annotations import CocoAnnotations

PORTRAIT_LANDSCAPE = (1.0,)  # one border: below are portraits

Groups = npt.NDArray[np.int64]


def aspect_groups(
    annotations: CocoAnnotations, borders: Sequence[float] = PORTRAIT_LANDSCAPE
) -> Groups:
    """Return the group (n,) of each image by its width divided by its height.

    Args:
        annotations: Of the n images.
        borders: Ascending; an image on a border belongs to the group above.

    Raises:
        DatasetError: The borders do not ascend.
    """
    if any(low >= high for low, high in pairwise(borders)):
        raise DatasetError(f"borders of aspect ratios must ascend, got {tuple(borders)}")
    ratios = np.array([image.width / image.height for image in annotations.images], np.float64)
    return np.searchsorted(np.asarray(borders, np.float64), ratios, side="right").astype(np.int64)


def grouped_batch_order(
    groups: npt.ArrayLike,
    batch_size: int,
    *,
    seed: int = 0,
    epoch: int = 0,
    drop_last: bool = False,
) -> list[list[int]]:
    """Return the shuffled indices of each batch of one epoch, alike images together.

    Every batch is of one group, but for those made of what the groups have left over: at most as
    many as there are groups. There are as many batches as `batch_order` gives, each image is in
    at most one of them, and the order depends on seed and epoch alone: a resumed run skips the
    batches that it has seen.

    Args:
        groups: (n,) integers: which images are alike.
        batch_size: Images per batch.
        seed: Of the run.
        epoch: Counted from 0.
        drop_last: Whether to leave out the batch that is not full.

    Raises:
        DatasetError: The batch size is not positive, or no full batch is left.
    """
    group_of = np.asarray(groups)
    if batch_size < 1:
        raise DatasetError(f"batch_size must be at least 1, got {batch_size}")
    if drop_last and len(group_of) < batch_size:
        raise DatasetError(
            f"{len(group_of)} images make no full batch of {batch_size}; lower batch_size"
        )
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(group_of))
    by_group = [order[group_of[order] == group] for group in np.unique(group_of)]
    full = [len(rows) - len(rows) % batch_size for rows in by_group]
    batches = [
        rows[start : start + batch_size]
        for rows, stop in zip(by_group, full, strict=True)
        for start in range(0, stop, batch_size)
    ]
    left = np.concatenate([order[:0], *(r[stop:] for r, stop in zip(by_group, full, strict=True))])
    stop = len(left) - len(left) % batch_size if drop_last else len(left)
    batches += [left[start : start + batch_size] for start in range(0, stop, batch_size)]
    return [batches[index].tolist() for index in rng.permutation(len(batches))]
