"""The batches of every step, and which part of them a process computes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from ..data.aspect import aspect_groups, grouped_batch_order
from ..data.loader import Batch, batch_order, collate, read_batches
from ..errors import TrainingError
from .config import TrainConfig
from .processes import Processes

SAMPLE_STREAM = 2  # keeps the random numbers that sample boxes apart from the paths'


class TrainingData(Protocol):
    """Give images and targets; everything random in it is a function of seed, epoch and index."""

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def at_epoch(self, epoch: int) -> Dataset[Any]:
        """Return the same images with the augmentation of an epoch.

        Its items are an image ``(3, h, w)`` and a target: a mapping with ``image_id``.
        """
        ...


def require_parts(config: TrainConfig, processes: Processes) -> int:
    """Return how many images each part of a batch has.

    Raises:
        TrainingError: A batch does not divide into equal parts.
    """
    parts = processes.count * config.accumulate
    if config.batch_size % parts:
        raise TrainingError(
            f"batch_size {config.batch_size} does not divide into {processes.count} processes x "
            f"{config.accumulate} equal parts; change batch_size or accumulate"
        )
    return config.batch_size // parts


def step_batches(
    dataset: TrainingData,
    config: TrainConfig,
    processes: Processes,
    start: int,
    total: int,
    *,
    pin_memory: bool = False,
) -> Iterator[list[Batch]]:
    """Yield this process's parts of the batches of steps ``start..total - 1``.

    They are the same whatever step a run starts at. Part ``p`` of a batch is computed by process
    ``p // accumulate``: two processes and one that accumulates twice see the same parts.

    Raises:
        DatasetError: There are fewer images than a batch takes.
        TrainingError: A batch does not divide into equal parts, or images are to be grouped whose
            sizes are not known.
    """
    size, step = require_parts(config, processes), start
    per_epoch = max(len(dataset) // config.batch_size, 1)
    while step < total:
        epoch, skipped = divmod(step, per_epoch)
        batches = epoch_batches(dataset, config, epoch)
        parts = [
            batch[part * size : (part + 1) * size]
            for batch in batches[skipped : skipped + total - step]
            for part in part_numbers(config, processes)
        ]
        loader = read_batches(_loader(dataset, parts, epoch, config, pin_memory))
        while batch := list(islice(loader, config.accumulate)):
            yield batch
            step += 1


def epoch_batches(dataset: TrainingData, config: TrainConfig, epoch: int) -> list[list[int]]:
    """Return the indices of every full batch of an epoch, functions of seed and epoch alone.

    Raises:
        DatasetError: There are fewer images than a batch takes.
        TrainingError: Images are to be grouped whose sizes are not known.
    """
    size, seed = config.batch_size, config.seed
    if not config.group_by_aspect:
        return batch_order(
            len(dataset), size, shuffle=True, seed=seed, epoch=epoch, drop_last=True
        )
    annotations = getattr(dataset, "annotations", None)
    if annotations is None:
        raise TrainingError(
            "group_by_aspect needs annotations that tell the sizes of images, and classified "
            "images have none; set group_by_aspect=false"
        )
    return grouped_batch_order(
        aspect_groups(annotations), size, seed=seed, epoch=epoch, drop_last=True
    )


def part_numbers(config: TrainConfig, processes: Processes) -> range:
    """Return which parts of a batch this process computes."""
    first = processes.rank * config.accumulate
    return range(first, first + config.accumulate)


def part_generator(config: TrainConfig, step: int, part: int) -> torch.Generator:
    """Return what samples the boxes of one part of a step."""
    entropy = np.random.SeedSequence([config.seed, SAMPLE_STREAM, step, part])
    return torch.Generator().manual_seed(int(entropy.generate_state(1, np.uint64)[0] >> 1))


def _loader(
    dataset: TrainingData,
    parts: list[list[int]],
    epoch: int,
    config: TrainConfig,
    pin_memory: bool,
) -> DataLoader[Batch]:
    """Return a loader as :func:`detection.make_loader` does, of given batches."""
    return DataLoader(
        dataset.at_epoch(epoch),
        batch_sampler=parts,
        num_workers=config.workers,
        collate_fn=collate,
        pin_memory=pin_memory,
        generator=torch.Generator().manual_seed(config.seed),
    )
