"""A COCO data set as a torch data set of preprocessed images and targets."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset
from typing_extensions import NotRequired, TypedDict

from ..errors import DatasetError
from .annotations import CocoAnnotations
from .augment import Augment
from .coco_json import CocoImage
from .images import load_image
from .letterbox import Letterbox
from .mask_stack import resize, stack
from .preprocess import Preprocess
from .rle import Mask

TURNED = (
    ". The sides are swapped: EXIF may turn the image, which annotations of COCO do not know; "
    "store it upright"
)


class Target(TypedDict):
    """What belongs to one image.

    Keys:
        boxes: (n, 4) float32, xyxy in input pixels; no crowd regions.
        labels: (n,) int64, zero-based.
        image_id: The image's id in the annotation file.
        letterbox: Geometry that maps boxes back; None for an augmented image.
        masks: (n, h, w) bool, the objects' pixels of the input; only where asked for.
    """

    boxes: torch.Tensor
    labels: torch.Tensor
    image_id: int
    letterbox: Letterbox | None
    masks: NotRequired[torch.Tensor]


class CocoDataset(Dataset[tuple[torch.Tensor, Target]]):
    """Read images and targets of a COCO data set.

    Everything is a function of (seed, epoch, index): the same data set gives the same tensors in
    any order, with any number of workers, and after a resume. EXIF orientation is not applied,
    because annotations refer to the stored pixel grid.

    Args:
        images_dir: Folder that the file names are relative to.
        annotations: Checked annotations.
        preprocess: How an image becomes the input.
        augment: Applied to every image when `train` is true.
        train: Whether the data set is for training: only then is anything augmented.
        drop_empty: Leave out images without a usable object; for training only.
        seed: Seed of the augmentation.
        masks: Whether targets have masks; they cost a byte a pixel of the input and object.

    Attributes:
        annotations: Of the images that the data set holds, in the order of its indices.
        preprocess: As given.
        epoch: The epoch whose augmentation is drawn.

    Raises:
        DatasetError: Image files are missing, no image is left, augmentation or `drop_empty` are
            asked for without `train`, or masks of annotations that were read without.
    """

    def __init__(
        self,
        images_dir: str | Path,
        annotations: CocoAnnotations,
        preprocess: Preprocess,
        augment: Augment | None = None,
        *,
        train: bool = False,
        drop_empty: bool = False,
        seed: int = 0,
        masks: bool = False,
    ) -> None:
        if not train and (augment is not None or drop_empty):
            raise DatasetError("augment and drop_empty change what is measured; set train=True")
        if masks and not annotations.has_masks:
            raise DatasetError(
                f"{annotations.path}: outlines were not read; load it with masks=True"
            )
        if not annotations.images:
            raise DatasetError(f"{annotations.path}: no image is left to read")
        if drop_empty:
            annotations = _without_empty(annotations)
        self.images_dir = Path(images_dir)
        self.annotations = annotations
        self.preprocess = preprocess
        self.epoch = 0
        self._augment = augment
        self._seed = seed
        self._masks = masks
        _refuse_missing(self.images_dir, annotations)

    def __len__(self) -> int:
        return len(self.annotations.images)

    def at_epoch(self, epoch: int) -> CocoDataset:
        """Return the same data set with the augmentation of another epoch."""
        other = copy.copy(self)
        other.epoch = epoch
        return other

    def subset(self, image_ids: Iterable[int]) -> CocoDataset:
        """Return the same data set with some of its images only, in its own order.

        Raises:
            DatasetError: An image is unknown, or none is named.
        """
        other = copy.copy(self)
        other.annotations = self.annotations.subset(image_ids)
        if not other.annotations.images:
            raise DatasetError(f"{self.annotations.path}: no image is left to read")
        return other

    def first(self, count: int) -> CocoDataset:
        """Return the same data set with its first images only; all of them if there are fewer.

        Raises:
            DatasetError: The count is below 1.
        """
        if count < 1:
            raise DatasetError(f"{self.annotations.path}: asked for the first {count} images")
        return self.subset(image.id for image in self.annotations.images[:count])

    def plain(self) -> CocoDataset:
        """Return the same images without augmentation, to measure on.

        Targets have no masks either: the metric takes outlines from the annotations.
        """
        other = copy.copy(self)
        other._augment, other._masks = None, False
        return other

    def resized(self, preprocess: Preprocess, augment: Augment | None = None) -> CocoDataset:
        """Return the same images for an input of another size.

        Args:
            preprocess: How an image becomes the input.
            augment: Instead of the one there was.
        """
        other = copy.copy(self)
        other.preprocess, other._augment = preprocess, augment
        return other

    def __getitem__(self, index: int) -> tuple[torch.Tensor, Target]:
        """Return the image (3, h, w), float32, and its target.

        Raises:
            DatasetError: The file is damaged or of another size than the annotations say.
            IndexError: No such index.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is outside of 0..{len(self) - 1}")
        info = self.annotations.images[index]
        image = self.load(info)
        boxes, labels = self.annotations.training_objects(index)
        masks: Iterable[Mask] = self.annotations.training_masks(index) if self._masks else ()
        letterbox: Letterbox | None = None
        if self._augment is not None:
            image, boxes, labels, masks = self._augment(
                image, boxes, labels, self._generator(index), masks
            )
            array = self.preprocess.place(np.asarray(image))
        else:
            array, letterbox = self.preprocess.apply(image)
            boxes = letterbox.to_input(boxes)
            masks = (resize(mask, letterbox.resized_hw) for mask in masks)
        target = Target(
            boxes=torch.as_tensor(boxes, dtype=torch.float32).reshape(-1, 4),
            labels=torch.as_tensor(labels, dtype=torch.int64),
            image_id=info.id,
            letterbox=letterbox,
        )
        if self._masks:
            target["masks"] = torch.from_numpy(stack(masks, self.preprocess.input_hw))
        return torch.from_numpy(array), target

    def load(self, info: CocoImage) -> Image.Image:
        """Return one image of the data set in its own size, RGB.

        Raises:
            DatasetError: The file is damaged or of another size than the annotations say.
        """
        image = load_image(self.images_dir / info.file_name)
        if image.size != (info.width, info.height):
            raise DatasetError(
                f"{self.images_dir / info.file_name}: the file is {image.width}x{image.height}, "
                f"the annotations say {info.width}x{info.height}; boxes would not fit"
                + (TURNED if image.size == (info.height, info.width) else "")
            )
        return image

    def _generator(self, index: int) -> torch.Generator:
        entropy = np.random.SeedSequence([self._seed, self.epoch, index])
        return torch.Generator().manual_seed(int(entropy.generate_state(1, np.uint64)[0] >> 1))


def _without_empty(annotations: CocoAnnotations) -> CocoAnnotations:
    kept = annotations.subset(
        image.id
        for index, image in enumerate(annotations.images)
        if len(annotations.training_objects(index)[1])
    )
    if not kept.images:
        raise DatasetError(
            f"{annotations.path}: no image is left to learn from: none of the "
            f"{len(annotations.images)} holds an object that is no crowd, not difficult and at "
            "least a pixel wide and high; `detfit data check` counts what is left out"
        )
    return kept


def _refuse_missing(images_dir: Path, annotations: CocoAnnotations) -> None:
    missing = [
        image.file_name
        for image in annotations.images
        if not (images_dir / image.file_name).is_file()
    ]
    if missing:
        raise DatasetError(
            f"{images_dir}: {len(missing)} of {len(annotations.images)} image files that "
            f"{annotations.path.name} names are missing, first {', '.join(missing[:3])}"
        )
