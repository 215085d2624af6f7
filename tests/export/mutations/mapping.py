"""Faults of a runtime that maps boxes back into the image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from detection import Letterbox

from .mutation import ANY, Mutation, Workpiece
from .preprocessing import preprocessing

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class OtherLetterbox(Letterbox):
    """Map boxes back as another program would.

    Attributes:
        back: From boxes in input pixels and the letterbox to boxes in the image.
    """

    back: Callable[[Array, Letterbox], Array] = lambda boxes, letterbox: boxes

    def to_original(self, boxes: Array) -> Array:
        return np.asarray(self.back(boxes, Letterbox(*self.plain)), np.float64)

    @property
    def plain(self) -> tuple[tuple[int, int], ...]:
        """Return the geometry."""
        return self.original_hw, self.resized_hw, self.input_hw


def mapped_back(back: Callable[[Array, Letterbox], Array]) -> Callable[[Workpiece], None]:
    """Return the planting of a runtime that maps boxes back otherwise."""

    def fit(original_hw: tuple[int, int], input_hw: tuple[int, int]) -> Letterbox:
        own = Letterbox.fit(original_hw, input_hw)
        return OtherLetterbox(own.original_hw, own.resized_hw, own.input_hw, back)

    return preprocessing(fit=fit)


def _from_scale_of_width(boxes: Array, letterbox: Letterbox) -> Array:
    """Map back by the width's scale on both axes and forget to clip."""
    return boxes * letterbox.original_hw[1] / letterbox.resized_hw[1]


def _from_input_size(boxes: Array, letterbox: Letterbox) -> Array:
    """Map back as if the image filled the input."""
    (height, width), (rows, columns) = letterbox.original_hw, letterbox.input_hw
    return boxes * np.tile((width / columns, height / rows), 2)


def _scales_swapped(boxes: Array, letterbox: Letterbox) -> Array:
    x, y = letterbox.scale_xy
    return boxes / np.tile((y, x), 2)


def _rounded(boxes: Array, letterbox: Letterbox) -> Array:
    return letterbox.to_original(boxes).round()


def _half_pixel(boxes: Array, letterbox: Letterbox) -> Array:
    return letterbox.to_original(np.asarray(boxes, np.float64) - 0.5)


def _clipped_to_input(boxes: Array, letterbox: Letterbox) -> Array:
    """Clip to the input's size instead of the image's, after mapping back."""
    height, width = (0.8 * side for side in letterbox.original_hw)
    return np.clip(letterbox.unscale(boxes), 0, (width, height, width, height))


CATALOGUE = (
    Mutation(
        "scale-not-undone",
        "boxes stay in input pixels",
        "postprocessing",
        "pipeline",
        ANY,
        mapped_back(lambda boxes, letterbox: boxes),
    ),
    Mutation(
        "scale-of-the-input",
        "boxes are mapped back as if the image filled the input",
        "postprocessing",
        "pipeline",
        ANY,
        mapped_back(_from_input_size),
    ),
    Mutation(
        "scale-of-one-axis",
        "boxes are mapped back by the width's scale on both axes and not clipped",
        "postprocessing",
        "pipeline",
        ANY,
        mapped_back(_from_scale_of_width),
    ),
    Mutation(
        "scales-swapped",
        "the scales of the axes are swapped",
        "postprocessing",
        "pipeline",
        ANY,
        mapped_back(_scales_swapped),
    ),
    Mutation(
        "boxes-rounded",
        "boxes are rounded to whole pixels",
        "postprocessing",
        "pipeline",
        ANY,
        mapped_back(_rounded),
    ),
    Mutation(
        "boxes-half-a-pixel-off",
        "boxes are half an input pixel off",
        "postprocessing",
        "pipeline",
        ANY,
        mapped_back(_half_pixel),
    ),
    Mutation(
        "boxes-clipped-too-soon",
        "boxes are clipped to four fifths of the image",
        "postprocessing",
        "pipeline",
        ANY,
        mapped_back(_clipped_to_input),
    ),
)
"""Faults of mapping boxes back."""
