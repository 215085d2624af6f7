"""Faults of preprocessing: as the bundle describes it, or as a runtime of its own does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from detection import Letterbox, Preprocess

from .mutation import ANY, DeployedSession, Mutation, Workpiece
from .plants import runtime

Array = npt.NDArray[Any]
Filter = Image.Resampling


def described(**values: Any) -> Callable[[Workpiece], None]:
    """Return the planting that describes another preprocessing."""

    def plant(work: Workpiece) -> None:
        work.preprocess = replace(work.preprocess, **values)

    return plant


@dataclass(frozen=True)
class OtherPreprocess(Preprocess):
    """Preprocess as another program would.

    Attributes:
        fit: Places an image of a size into an input.
        resample: Resizes pixels to (height, width).
        finish: Changes the finished input.
    """

    fit: Callable[..., Letterbox] = Letterbox.fit
    resample: Callable[[Image.Image, tuple[int, int]], Image.Image] | None = None
    finish: Callable[[Array, Letterbox], Array] = lambda array, letterbox: array

    def apply(self, image: Image.Image) -> tuple[npt.NDArray[np.float32], Letterbox]:
        rgb = image.convert("RGB")
        letterbox = self.fit((rgb.height, rgb.width), self.input_hw)
        resample = self.resample or (lambda one, hw: one.resize(hw[::-1], Filter.BILINEAR))
        placed = self.place(np.asarray(resample(rgb, letterbox.resized_hw)))
        return self.finish(placed, letterbox).astype(np.float32), letterbox


def preprocessing(**changes: Any) -> Callable[[Workpiece], None]:
    """Return the planting of a runtime that preprocesses otherwise."""

    def change(session: DeployedSession) -> None:
        own = session.preprocess
        values = {name: getattr(own, name) for name in Preprocess.__slots__}
        session.preprocess = OtherPreprocess(**values, **changes)

    return runtime(change)


def filtered(resample: Filter) -> Callable[[Workpiece], None]:
    """Return the planting of another filter."""
    return preprocessing(resample=lambda image, hw: image.resize(hw[::-1], resample))


def _without_antialias(image: Image.Image, hw: tuple[int, int]) -> Image.Image:
    """Resize as OpenCV's and most engines' bilinear filters do: two pixels an axis."""
    pixels = np.asarray(image, np.float64)
    for axis, (size, wanted) in enumerate(zip(pixels.shape[:2], hw, strict=True)):
        place = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, size - 1)
        shape = [-1 if i == axis else 1 for i in range(3)]
        share = (place - low).reshape(shape)
        pixels = pixels.take(low, axis) * (1 - share) + pixels.take(high, axis) * share
    return Image.fromarray(np.rint(pixels).astype(np.uint8))


def _corners_aligned(image: Image.Image, hw: tuple[int, int]) -> Image.Image:
    """Resize so that the first and last pixels' centres stay where they are."""
    pixels = np.asarray(image, np.float64)
    for axis, (size, wanted) in enumerate(zip(pixels.shape[:2], hw, strict=True)):
        place = np.linspace(0, size - 1, wanted)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, size - 1)
        share = (place - low).reshape([-1 if i == axis else 1 for i in range(3)])
        pixels = pixels.take(low, axis) * (1 - share) + pixels.take(high, axis) * share
    return Image.fromarray(np.rint(pixels).astype(np.uint8))


def _stretched(original_hw: tuple[int, int], input_hw: tuple[int, int]) -> Letterbox:
    return Letterbox(original_hw, input_hw, input_hw)


def _centred(array: Array, letterbox: Letterbox) -> Array:
    """Move the image to the middle of the input, as YOLO's letterbox does."""
    down, right = (
        (whole - part) // 2
        for whole, part in zip(letterbox.input_hw, letterbox.resized_hw, strict=True)
    )
    return np.roll(array, (down, right), (1, 2))


def _moved(array: Array, _: Letterbox) -> Array:
    return np.roll(array, 1, 2)


def _turned(array: Array, _: Letterbox) -> Array:
    """Give rows as columns, as a reader that mixes up height and width does."""
    channels, height, width = array.shape
    return array.transpose(0, 2, 1).reshape(channels, height, width)


def _channels_last(array: Array, _: Letterbox) -> Array:
    """Give the bytes of (h, w, 3) to an input of (3, h, w)."""
    return array.transpose(1, 2, 0).reshape(array.shape)


def _in_whole_steps(array: Array, _: Letterbox) -> Array:
    """Cut normalised pixels to tenths, as a fixed-point pipeline does."""
    return np.trunc(array * 10) / 10


CATALOGUE = (
    Mutation(
        "described-bgr",
        "the bundle describes BGR where RGB was trained",
        "preprocessing",
        "pipeline",
        ANY,
        described(channel_order="BGR"),
    ),
    Mutation(
        "described-mean-std-half",
        "mean and standard deviation are 0.5",
        "preprocessing",
        "pipeline",
        ANY,
        described(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    ),
    Mutation(
        "described-not-normalised",
        "pixels are only scaled to 0..1",
        "preprocessing",
        "pipeline",
        ANY,
        described(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
    ),
    Mutation(
        "described-mean-reversed",
        "means are those of the channels in the reverse order",
        "preprocessing",
        "pipeline",
        ANY,
        described(mean=(0.406, 0.456, 0.485), std=(0.225, 0.224, 0.229)),
    ),
    Mutation(
        "described-pad-value",
        "padding is black instead of the mean colour",
        "preprocessing",
        "pipeline",
        ANY,
        described(pad_value=-2.0),
    ),
    Mutation(
        "resize-nearest",
        "images are resized by their nearest pixels",
        "preprocessing",
        "pipeline",
        ANY,
        filtered(Filter.NEAREST),
    ),
    Mutation(
        "resize-bicubic",
        "images are resized by a bicubic filter",
        "preprocessing",
        "pipeline",
        ANY,
        filtered(Filter.BICUBIC),
    ),
    Mutation(
        "resize-box",
        "images are resized by averaging boxes",
        "preprocessing",
        "pipeline",
        ANY,
        filtered(Filter.BOX),
    ),
    Mutation(
        "resize-without-antialias",
        "images are resized bilinearly without antialiasing",
        "preprocessing",
        "pipeline",
        ANY,
        preprocessing(resample=_without_antialias),
    ),
    Mutation(
        "resize-align-corners",
        "images are resized with aligned corners",
        "preprocessing",
        "pipeline",
        ANY,
        preprocessing(resample=_corners_aligned),
    ),
    Mutation(
        "resize-stretched",
        "images are stretched to the input",
        "preprocessing",
        "pipeline",
        ANY,
        preprocessing(fit=_stretched),
    ),
    Mutation(
        "letterbox-centred",
        "images stand in the middle of the input, boxes are mapped from the corner",
        "preprocessing",
        "pipeline",
        ANY,
        preprocessing(finish=_centred),
    ),
    Mutation(
        "image-one-pixel-off",
        "images stand one pixel to the right",
        "preprocessing",
        "pipeline",
        ANY,
        preprocessing(finish=_moved),
    ),
    Mutation(
        "image-transposed",
        "height and width of the image are swapped",
        "preprocessing",
        "pipeline",
        ANY,
        preprocessing(finish=_turned),
    ),
    Mutation(
        "channels-last",
        "an image of (h, w, 3) is read as (3, h, w)",
        "preprocessing",
        "pipeline",
        ANY,
        preprocessing(finish=_channels_last),
    ),
    Mutation(
        "pixels-cut",
        "normalised pixels are cut to tenths",
        "preprocessing",
        "pipeline",
        ANY,
        preprocessing(finish=_in_whole_steps),
    ),
    Mutation(
        "pixels-scaled-twice",
        "pixels are divided by 255 twice",
        "preprocessing",
        "pipeline",
        ANY,
        described(mean=(0.485 * 255,) * 3, std=(0.229 * 255,) * 3),
    ),
)
"""Faults before the engine."""
