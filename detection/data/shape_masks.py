"""The outlines of the generated classes, and run-length encoding of a mask."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .rle import Mask, runs_of

FloatArray = npt.NDArray[np.float64]

# Every shape touches the circle of radius 1 around it and stays inside.
STAR_INNER = 0.45  # radius of the inner corners
RING_INNER = 0.55
CROSS_HALF_WIDTH = 0.35
CROSS_HALF_LENGTH = math.sqrt(1 - CROSS_HALF_WIDTH**2)
SQUARE_HALF_SIDE = math.sqrt(0.5)


def _circle(x: FloatArray, y: FloatArray) -> Mask:
    return x * x + y * y <= 1


def _square(x: FloatArray, y: FloatArray) -> Mask:
    return np.maximum(abs(x), abs(y)) <= SQUARE_HALF_SIDE


def _triangle(x: FloatArray, y: FloatArray) -> Mask:
    """Equilateral, pointing up: base at y = 0.5, tip at y = -1."""
    return (y <= 0.5) & (abs(x) <= (y + 1) / math.sqrt(3))


def _star(x: FloatArray, y: FloatArray) -> Mask:
    """Five tips; within a wedge of 36 degrees the border is the line from tip to inner corner."""
    radius = np.hypot(x, y)
    wedge = math.pi / 5
    angle = np.arctan2(x, -y) % (2 * wedge)
    angle = np.minimum(angle, 2 * wedge - angle)
    corner_x, corner_y = STAR_INNER * math.cos(wedge), STAR_INNER * math.sin(wedge)
    # Inside of the edge from tip (1, 0) to corner, the cross product with the point is positive.
    px, py = radius * np.cos(angle) - 1, radius * np.sin(angle)
    return (corner_x - 1) * py - corner_y * px >= 0


def _ring(x: FloatArray, y: FloatArray) -> Mask:
    squared = x * x + y * y
    return (squared <= 1) & (squared >= RING_INNER**2)


def _cross(x: FloatArray, y: FloatArray) -> Mask:
    thin = np.minimum(abs(x), abs(y)) <= CROSS_HALF_WIDTH
    return thin & (np.maximum(abs(x), abs(y)) <= CROSS_HALF_LENGTH)


SHAPES: dict[str, Callable[[FloatArray, FloatArray], Mask]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "ring": _ring,
    "cross": _cross,
}
"""Class name -> membership of points in a shape of radius 1; y grows downwards."""


def shape_mask(
    name: str,
    image_hw: tuple[int, int],
    center_xy: tuple[float, float],
    size_px: float,
    angle_rad: float = 0.0,
) -> Mask:
    """Return which pixels (h, w) have their centre inside of a shape.

    Args:
        name: A key of `SHAPES`.
        image_hw: Height and width of the image.
        center_xy: Centre, in pixels.
        size_px: Diameter of the circle around the shape.
        angle_rad: Turn, clockwise on the screen.
    """
    y, x = np.indices(image_hw, dtype=np.float64)
    x = (x + 0.5 - center_xy[0]) / (size_px / 2)
    y = (y + 0.5 - center_xy[1]) / (size_px / 2)
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    return SHAPES[name](cos * x + sin * y, cos * y - sin * x)


def mask_box(mask: Mask) -> tuple[int, int, int, int]:
    """Return x, y, width and height of the smallest box around a mask with a pixel in it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        int(columns[0]),
        int(rows[0]),
        int(columns[-1] - columns[0] + 1),
        int(rows[-1] - rows[0] + 1),
    )


def uncompressed_rle(mask: Mask) -> dict[str, list[int]]:
    """Return a mask as COCO's uncompressed run-length encoding: column by column, zeros first.

    Example:
        >>> uncompressed_rle(np.array([[True, False], [True, True]]))
        {'counts': [0, 2, 1, 1], 'size': [2, 2]}
    """
    return {"counts": runs_of(mask), "size": list(mask.shape)}
