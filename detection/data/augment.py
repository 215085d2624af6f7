"""Training augmentation: horizontal flip and scale jitter, reproducible from a generator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

from ..errors import PreprocessError
from .letterbox import Letterbox
from .mask_stack import of_image, to_image
from .rle import Mask

FloatArray = npt.NDArray[np.float64]
LabelArray = npt.NDArray[np.int64]
Item = TypeVar("Item", Image.Image, tv_tensors.BoundingBoxes)


class Augment(Protocol):
    """Change one training image and its objects; all randomness comes from the generator."""

    def __call__(
        self,
        image: Image.Image,
        boxes: FloatArray,
        labels: LabelArray,
        generator: torch.Generator,
        masks: Iterable[Mask] = (),
    ) -> tuple[Image.Image, FloatArray, LabelArray, list[Mask]]:
        """Return an RGB image no larger than the input, and its objects.

        Args:
            image: RGB, any size.
            boxes: (n, 4) xyxy in the image's pixels.
            labels: (n,).
            generator: Source of randomness.
            masks: Pixels (h, w) of every object, or none at all.

        Returns:
            The image, boxes (m, 4), labels (m,) and, where masks were given, m masks (h', w') of
            the returned image's size.
        """
        ...


@dataclass(frozen=True, slots=True)
class TrainAugment:
    """Flip at random, resize by a random factor, cut what exceeds the input.

    The factor is relative to the letterboxed size, as in large-scale jitter (Ghiasi et al. 2021,
    arXiv:2012.07177, sec. 3). A smaller image is left for the preprocessing to pad at the right
    and the bottom, a larger one is cropped at a random place. Boxes and masks follow; boxes are
    clipped, and objects narrower or lower than `min_box_px` are left out.

    Attributes:
        input_hw: Height and width of the detector's input, in pixels.
        flip: Probability of the horizontal flip.
        scale: Smallest and largest factor, drawn uniformly between.
        min_box_px: Smallest side of a box that is kept, in input pixels.

    Raises:
        PreprocessError: A field has a value outside of what it allows.
    """

    input_hw: tuple[int, int]
    flip: float = 0.5
    scale: tuple[float, float] = (0.8, 1.25)
    min_box_px: float = 1.0

    def __post_init__(self) -> None:
        if min(self.input_hw) < 1:
            raise PreprocessError(f"input_hw must be positive, got {self.input_hw}")
        if not 0 <= self.flip <= 1:
            raise PreprocessError(f"flip must be a probability 0..1, got {self.flip}")
        if not 0 < self.scale[0] <= self.scale[1] < float("inf"):
            raise PreprocessError(f"scale must be 0 < low <= high, got {self.scale}")
        if not self.min_box_px > 0:
            raise PreprocessError(f"min_box_px must be positive, got {self.min_box_px}")

    def __call__(
        self,
        image: Image.Image,
        boxes: FloatArray,
        labels: LabelArray,
        generator: torch.Generator,
        masks: Iterable[Mask] = (),
    ) -> tuple[Image.Image, FloatArray, LabelArray, list[Mask]]:
        """Return the changed image and its objects; see `Augment`.

        Args:
            image: RGB, any size.
            boxes: Inside of the image, (n, 4) xyxy in its pixels.
            labels: Class of each box, (n,).
            generator: The only source of randomness; four numbers are drawn from it.
            masks: Pixels of the objects, resized as the image is.
        """
        draws = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
        boxes_tv = tv_tensors.BoundingBoxes(
            torch.as_tensor(boxes, dtype=torch.float64).reshape(-1, 4),
            format="XYXY",
            canvas_size=(image.height, image.width),
        )
        size = self._size((image.height, image.width), draws[1])
        window = self._window(size, draws[2], draws[3])

        def moved(item: Item) -> Item:
            if draws[0] < self.flip:
                item = functional.horizontal_flip(item)
            item = functional.resize(item, list(size))
            return item if window[2:] == size else functional.crop(item, *window)

        kept_boxes, kept = functional.sanitize_bounding_boxes(
            functional.clamp_bounding_boxes(moved(boxes_tv)),
            min_size=self.min_box_px,
            min_area=0.0,
        )
        kept_masks = [
            of_image(moved(to_image(mask)))
            for mask, keep in zip(masks, kept.tolist(), strict=False)
            if keep
        ]
        boxes = kept_boxes.as_subclass(torch.Tensor).numpy()
        return moved(image), boxes, labels[kept.numpy()], kept_masks

    def _size(self, image_hw: tuple[int, int], draw: float) -> tuple[int, int]:
        low, high = self.scale
        factor = low + (high - low) * draw
        height, width = Letterbox.fit(image_hw, self.input_hw).resized_hw
        return max(1, round(height * factor)), max(1, round(width * factor))

    def _window(
        self, size: tuple[int, int], draw_y: float, draw_x: float
    ) -> tuple[int, int, int, int]:
        """Return top, left, height and width of the part that stays."""
        height, width = min(size[0], self.input_hw[0]), min(size[1], self.input_hw[1])
        top = int(draw_y * (size[0] - height + 1))
        left = int(draw_x * (size[1] - width + 1))
        return top, left, height, width
