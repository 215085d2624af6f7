"""Batches of a detection data set in an order that a resumed run repeats exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from ..errors import DatasetError
from .coco import CocoDataset, Target

Batch = tuple[torch.Tensor, list[Target]]
AnyBatch = TypeVar("AnyBatch")


def collate(items: Sequence[tuple[torch.Tensor, Target]]) -> Batch:
    """Return images (B, 3, h, w) and the list of their B targets."""
    images, targets = zip(*items, strict=True)
    return torch.stack(images), list(targets)


def batch_order(
    length: int,
    batch_size: int,
    *,
    shuffle: bool = False,
    seed: int = 0,
    epoch: int = 0,
    drop_last: bool = False,
) -> list[list[int]]:
    """Return the indices of each batch of one epoch.

    Args:
        length: Number of images.
        batch_size: Images per batch.
        shuffle: Whether to permute the images; the permutation depends on seed and epoch alone.
        seed: Of the run.
        epoch: Counted from 0.
        drop_last: Whether to leave out a last batch that is not full.

    Raises:
        DatasetError: The batch size is not positive, or no full batch is left.
    """
    if batch_size < 1:
        raise DatasetError(f"batch_size must be at least 1, got {batch_size}")
    if drop_last and length < batch_size:
        raise DatasetError(f"{length} images make no full batch of {batch_size}; lower batch_size")
    order = np.arange(length)
    if shuffle:
        order = np.random.default_rng([seed, epoch]).permutation(length)
    stop = length - length % batch_size if drop_last else length
    return [order[i : min(i + batch_size, stop)].tolist() for i in range(0, stop, batch_size)]


def make_loader(
    dataset: CocoDataset,
    batch_size: int,
    *,
    shuffle: bool = False,
    seed: int = 0,
    epoch: int = 0,
    workers: int = 0,
    drop_last: bool = False,
    skip_batches: int = 0,
    pin_memory: bool = False,
) -> DataLoader[Batch]:
    """Return the loader of one epoch; make a new one for each epoch.

    Order and augmentation depend on seed, epoch and index alone, not on the number of workers
    nor on torch's global random state, which is neither read nor advanced.

    Args:
        dataset: Its augmentation is drawn for `epoch`.
        batch_size: Images per batch.
        shuffle: Whether to permute the images.
        seed: Of the order.
        epoch: Counted from 0.
        workers: Processes that read images; 0 reads in this one.
        drop_last: Whether to leave out a last batch that is not full.
        skip_batches: Batches at the start that are not loaded, to resume within an epoch.
        pin_memory: Whether to place batches in page-locked memory for a GPU.

    Raises:
        DatasetError: The batch size is not positive, or no full batch is left.
    """
    batches = batch_order(
        len(dataset), batch_size, shuffle=shuffle, seed=seed, epoch=epoch, drop_last=drop_last
    )
    items: Dataset[Any] = dataset.at_epoch(epoch)  # the loader's type is that of its batches
    return DataLoader(
        items,
        batch_sampler=batches[skip_batches:],
        num_workers=workers,
        collate_fn=collate,
        pin_memory=pin_memory,
        generator=torch.Generator().manual_seed(seed),
    )


def read_batches(loader: DataLoader[AnyBatch]) -> Iterator[AnyBatch]:
    """Yield a loader's batches; what goes wrong in a process of its is told as if in this one.

    torch puts that process's whole traceback before the message.

    Raises:
        DatasetError: An image is damaged.
    """
    try:
        yield from loader
    except DatasetError as error:
        own = str(error).rpartition(f"{DatasetError.__name__}: ")[2]
        raise DatasetError(own.strip()) from error
