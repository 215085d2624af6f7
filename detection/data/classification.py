"""Classified images as a torch data set, to pre-train backbones on."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from .image_folder import ClassifiedImages
from .images import load_image
from .loader import batch_order
from .preprocess import Preprocess

# Random crops: Szegedy et al. 2015, "Going Deeper with Convolutions", sec. 6.
AREA_SHARE = (0.08, 1.0)
LOG_ASPECT_RATIO = (math.log(3 / 4), math.log(4 / 3))
ATTEMPTS = 10  # at a crop that fits; then the whole image's centre
CENTRE_SHARE = 0.875  # of the sides, to measure on: 224 of 256 pixels

Window = tuple[float, float, float, float]
ClassifiedBatch = tuple[torch.Tensor, torch.Tensor]


class ClassificationDataset(Dataset[tuple[torch.Tensor, int]]):
    """Read images and labels.

    Everything is a function of (seed, epoch, index), as for `CocoDataset`.

    Args:
        images: Which images.
        preprocess: Size and normalisation; the crop fills the input, nothing is padded.
        train: Whether to crop and flip at random; otherwise the centre is taken.
        seed: Of the cropping.

    Attributes:
        images: As given.
        preprocess: As given.
        epoch: The epoch whose crops are drawn.
    """

    def __init__(
        self,
        images: ClassifiedImages,
        preprocess: Preprocess,
        *,
        train: bool = False,
        seed: int = 0,
    ) -> None:
        self.images = images
        self.preprocess = preprocess
        self.epoch = 0
        self._train = train
        self._seed = seed

    def __len__(self) -> int:
        return len(self.images.files)

    def at_epoch(self, epoch: int) -> ClassificationDataset:
        """Return the same data set with the crops of another epoch."""
        other = copy.copy(self)
        other.epoch = epoch
        return other

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Return the image (3, h, w), float32, and its label.

        Raises:
            DatasetError: The file is damaged.
            IndexError: No such index.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is outside of 0..{len(self) - 1}")
        name, label = self.images.files[index]
        image = load_image(self.images.root / name)
        image_hw, input_hw = (image.height, image.width), self.preprocess.input_hw
        flip = False
        window = centre_window(image_hw, input_hw)
        if self._train:
            rng = np.random.default_rng([self._seed, self.epoch, index])
            flip, window = bool(rng.random() < 0.5), random_window(image_hw, rng)
        height, width = input_hw
        resized = image.resize((width, height), Image.Resampling.BILINEAR, box=window)
        pixels = np.asarray(resized)
        array = self.preprocess.place(pixels[:, ::-1] if flip else pixels)
        return torch.from_numpy(array), label


def random_window(image_hw: tuple[int, int], rng: np.random.Generator) -> Window:
    """Return a random part of an image: left, top, right, bottom in its pixels.

    Its share of the area and the logarithm of its aspect ratio are drawn uniformly; a part that
    does not fit is drawn again, at most ten times.
    """
    height, width = image_hw
    for _ in range(ATTEMPTS):
        area = height * width * rng.uniform(*AREA_SHARE)
        ratio = math.exp(rng.uniform(*LOG_ASPECT_RATIO))
        w, h = math.sqrt(area * ratio), math.sqrt(area / ratio)
        if w <= width and h <= height:
            left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
            return left, top, min(left + w, width), min(top + h, height)
    return 0.0, 0.0, float(width), float(height)


def centre_window(image_hw: tuple[int, int], input_hw: tuple[int, int]) -> Window:
    """Return the centre of an image with the input's aspect ratio: left, top, right, bottom.

    Example:
        >>> centre_window((256, 356), (224, 224))
        (66.0, 16.0, 290.0, 240.0)
    """
    scale = CENTRE_SHARE * min(image_hw[0] / input_hw[0], image_hw[1] / input_hw[1])
    h, w = scale * input_hw[0], scale * input_hw[1]
    left, top = (image_hw[1] - w) / 2, (image_hw[0] - h) / 2
    return left, top, left + w, top + h


def collate_classified(items: Sequence[tuple[torch.Tensor, int]]) -> ClassifiedBatch:
    """Return images (B, 3, h, w) and labels (B,) int64."""
    images, labels = zip(*items, strict=True)
    return torch.stack(images), torch.tensor(labels, dtype=torch.int64)


def classification_loader(
    dataset: ClassificationDataset,
    batch_size: int,
    *,
    shuffle: bool = False,
    seed: int = 0,
    epoch: int = 0,
    workers: int = 0,
    drop_last: bool = False,
    skip_batches: int = 0,
    pin_memory: bool = False,
) -> DataLoader[ClassifiedBatch]:
    """Return the loader of one epoch; arguments and guarantees are those of `make_loader`.

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
        collate_fn=collate_classified,
        pin_memory=pin_memory,
        generator=torch.Generator().manual_seed(seed),
    )
