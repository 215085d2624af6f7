"""The geometry of one letterboxed image: from original pixels to input pixels and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
Boxes = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Map boxes between an original image and the fixed input it was placed into.

    The image is resized with its aspect ratio kept and placed at the top left; what remains at
    the right and the bottom is padding. Coordinates are continuous pixel edges: a box that
    covers the whole image is ``(0, 0, width, height)``. Resized sizes are whole pixels, so the
    two axes may differ in scale by a fraction of a pixel; each is inverted by its own scale.

    Attributes:
        original_hw: Height and width of the original image, in pixels.
        resized_hw: Height and width after resizing, without padding.
        input_hw: Height and width of the model's input.

    Example:
        >>> box = Letterbox.fit((480, 640), (128, 128))
        >>> box.resized_hw
        (96, 128)
        >>> box.to_original(np.array([[0.0, 0.0, 128.0, 128.0]])).tolist()
        [[0.0, 0.0, 640.0, 480.0]]
    """

    original_hw: tuple[int, int]
    resized_hw: tuple[int, int]
    input_hw: tuple[int, int]

    @classmethod
    def fit(cls, original_hw: tuple[int, int], input_hw: tuple[int, int]) -> Letterbox:
        """Return the largest placement of an image into an input that keeps its aspect ratio."""
        scale = min(input_hw[0] / original_hw[0], input_hw[1] / original_hw[1])
        height, width = (
            min(limit, max(1, round(size * scale)))
            for size, limit in zip(original_hw, input_hw, strict=True)
        )
        return cls(original_hw, (height, width), input_hw)

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Return input pixels per original pixel, along x and y."""
        return (
            self.resized_hw[1] / self.original_hw[1],
            self.resized_hw[0] / self.original_hw[0],
        )

    def to_input(self, boxes: FloatArray) -> Boxes:
        """Return boxes (n, 4), xyxy in original pixels, as (n, 4) xyxy in input pixels."""
        scaled: Boxes = np.asarray(boxes, np.float64).reshape(-1, 4) * np.tile(self.scale_xy, 2)
        return scaled

    def to_original(self, boxes: FloatArray) -> Boxes:
        """Return boxes (n, 4), xyxy in input pixels, as xyxy clipped to the original image."""
        height, width = self.original_hw
        limits = np.array([width, height, width, height], np.float64)
        clipped: Boxes = np.clip(self.unscale(boxes), 0.0, limits)
        return clipped

    def unscale(self, boxes: FloatArray) -> Boxes:
        """Return boxes (n, 4), xyxy in input pixels, in original pixels, as far as they reach."""
        scaled: Boxes = np.asarray(boxes, np.float64).reshape(-1, 4) / np.tile(self.scale_xy, 2)
        return scaled
