"""Masks on their way to the input: they follow the image, pixel for pixel."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

from .rle import Mask

INSIDE = 128  # of 255: a pixel belongs to the object that covers at least half of it


def to_image(mask: Mask) -> Image.Image:
    """Return a mask (h, w) as an 8-bit image, to be resized like the photograph."""
    return Image.fromarray(mask.astype(np.uint8) * np.uint8(255))


def of_image(image: Image.Image) -> Mask:
    """Return the mask (h, w) of an 8-bit image."""
    inside: Mask = np.asarray(image) >= INSIDE
    return inside


def resize(mask: Mask, hw: tuple[int, int]) -> Mask:
    """Resize by Pillow's antialiased bilinear filter, as the photograph is."""
    if mask.shape == hw:
        return mask
    return of_image(to_image(mask).resize((hw[1], hw[0]), Image.Resampling.BILINEAR))


def stack(masks: Iterable[Mask], input_hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Place masks at the top left of the input, (n, h, w) bool; one byte a pixel.

    Args:
        masks: None larger than the input.
        input_hw: Height and width of the input.
    """
    placed = []
    for mask in masks:
        whole = np.zeros(input_hw, np.bool_)
        whole[: mask.shape[0], : mask.shape[1]] = mask
        placed.append(whole)
    return np.stack(placed) if placed else np.zeros((0, *input_hw), np.bool_)
