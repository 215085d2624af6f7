"""A path of a trained supernet as a detector of its own, with weights that every command takes.

Source: DetNAS (Chen et al., NeurIPS 2019), sec. 3.4: the statistics of batch normalisation are
those of the path alone, on training images; everything else is the supernet's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from searchspaces import make_space, sha256_of_file

from .data.coco import CocoDataset
from .data.layout import open_split
from .data.loader import Batch, collate, read_batches
from .data.preprocess import Preprocess
from .errors import BuildError
from .recalibrate import recalibrate_bn
from .training.images import require_classes
from .training.outputs import checkpoints_beside, refuse_existing
from .training.starts import fresh_supernet
from .weights import WeightsInfo, load_weights, read_weights_info, save_weights

IMAGES = 500  # DetNAS, sec. 3.4
BATCH = 16

Progress = Callable[[str, float, float], None]


@dataclass(frozen=True, slots=True)
class ExtractedPath:
    """Say what was taken out of a supernet.

    Attributes:
        weights: The file that was written.
        supernet: The file that it was taken from.
        architecture: ``space:code``.
        images: That statistics were computed from.
    """

    weights: Path
    supernet: Path
    architecture: str
    images: int


def extract_path(
    supernet: str | Path,
    code: str,
    data_dir: str | Path,
    output: str | Path,
    *,
    images: int = IMAGES,
    split: str = "train",
    device: str = "cpu",
    workers: int = 0,
    progress: Progress | None = None,
) -> ExtractedPath:
    """Write a path of a supernet as the weights of a detector, with statistics of its own.

    Args:
        supernet: Weights of a supernet.
        code: Of the path, in the supernet's space.
        data_dir: Data as the supernet learnt it.
        output: The weights file (.safetensors).
        images: How many images the statistics are computed from, the first ones; all of them if
            there are fewer.
        split: Whose images.
        device: Where they are computed.
        workers: Processes that read images.
        progress: Called as ``progress(message, done, total)`` in images.

    Raises:
        CheckpointError: The supernet's file is missing or damaged, or the output exists.
        BuildError: The file holds no supernet.
        UnknownSpaceError: Its space is not known here.
        ArchitectureError: The space does not hold the code.
        DatasetError: The data is not there or damaged, or has another number of classes.
    """
    supernet, output = Path(supernet), Path(output)
    refuse_existing(output, checkpoints_beside(output))
    info = _supernet_info(supernet)
    space = make_space(info.space, **info.space_options)
    arch = space.decode(code)
    whole = fresh_supernet(space, 0)
    load_weights(supernet, whole)
    detector = whole.extract(arch)
    dataset = open_split(data_dir, split, Preprocess(detector.spec.input_hw)).plain().first(images)
    require_classes(dataset, info.num_classes)
    recalibrate_bn(detector.to(device), image_batches(dataset, device, workers, progress))
    notes: dict[str, Any] = {
        "supernet_sha256": sha256_of_file(supernet),
        "recalibrated_on": len(dataset),
    }
    names = info.label_names or dataset.annotations.class_names
    path = WeightsInfo(
        info.space, info.num_classes, space.encode(arch), info.space_options, names, notes
    )
    save_weights(output, detector.cpu().eval(), path)
    return ExtractedPath(output, supernet, f"{info.space}:{space.encode(arch)}", len(dataset))


def _supernet_info(path: Path) -> WeightsInfo:
    info = read_weights_info(path)
    if info.architecture is not None:
        raise BuildError(
            f"{path}: the weights of one detector, {info.space}:{info.architecture}, which is "
            "no supernet; give those of a supernet, such as RUN/supernet.safetensors"
        )
    return info


def image_batches(
    dataset: CocoDataset, device: str, workers: int, progress: Progress | None
) -> Iterator[Tensor]:
    """Yield batches for :func:`recalibrate_bn`, of equal sizes give or take one image.

    Layers normalise by the batch meanwhile.

    Args:
        dataset: Opened without augmentation.
        device: Where the images go.
        workers: Processes that read images.
        progress: Called as ``progress(message, done, total)`` in images.
    """
    parts = np.array_split(np.arange(len(dataset)), math.ceil(len(dataset) / BATCH))
    items: Dataset[Any] = dataset  # the loader's type is that of its batches
    loader: DataLoader[Batch] = DataLoader(
        items,
        batch_sampler=[part.tolist() for part in parts],
        num_workers=workers,
        collate_fn=collate,
        pin_memory=device.startswith("cuda"),
        generator=torch.Generator(),
    )
    done = 0
    for images, _ in read_batches(loader):
        yield images.to(device)
        done += len(images)
        if progress is not None:
            progress("recalibrating", done, len(dataset))
