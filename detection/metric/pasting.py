"""Pasting a detector's small masks into the image, at the image's own resolution."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..data.letterbox import Letterbox
from ..data.rle import Mask, Rle, encode_rle

MASK_THRESHOLD = 0.5
"""Probability from which a pixel is the object's (mmdetection's ``mask_thr_binary``)."""

FloatArray = npt.NDArray[np.floating]


def paste_masks(
    masks: FloatArray,
    boxes: FloatArray,
    letterbox: Letterbox,
    threshold: float = MASK_THRESHOLD,
) -> tuple[Rle, ...]:
    """Return masks in the original image.

    Args:
        masks: Probabilities inside of each box, (n, m, m).
        boxes: (n, 4) xyxy in input pixels, as the detector gives them: where a box reaches into
            the padding, so does its mask.
        letterbox: Of the image.
        threshold: Probability from which a pixel is the object's.
    """
    whole = letterbox.unscale(boxes)
    return tuple(
        _paste(np.asarray(mask, np.float64), box, letterbox.original_hw, threshold)
        for mask, box in zip(masks, whole.tolist(), strict=True)
    )


def _paste(mask: FloatArray, box: list[float], image_hw: tuple[int, int], threshold: float) -> Rle:
    """Sample the mask at the centres of the image's pixels, bilinearly, zero outside of it."""
    (top, rows), (left, columns) = (
        _weights(box[axis], box[axis + 2], side, size)
        for axis, side, size in ((1, mask.shape[0], image_hw[0]), (0, mask.shape[1], image_hw[1]))
    )
    inside: Mask = rows @ mask @ columns.T >= threshold
    return encode_rle(inside, image_hw, top, left)


def _weights(low: float, high: float, side: int, size: int) -> tuple[int, FloatArray]:
    """Return the first pixel near ``low..high`` and each pixel's weights of the mask's cells.

    Args:
        low: Where the box begins, in pixels along one axis.
        high: Where it ends.
        side: Cells of the mask along the axis.
        size: Pixels of the image along the axis.

    Returns:
        The first pixel, and weights (pixels, side).
    """
    extent = high - low
    if extent <= 0:
        return 0, np.zeros((0, side))
    fade = extent / side / 2  # half a cell, over which the border falls from one half to zero
    first = min(max(int(np.floor(low - fade)), 0), size)
    last = max(min(int(np.ceil(high + fade)), size), first)
    centres = np.arange(first, last) + 0.5
    cell = (centres - low) / extent * side - 0.5  # cell i has its centre at i
    distance = np.abs(cell[:, None] - np.arange(side))
    return first, np.clip(1.0 - distance, 0.0, None)
