"""From an image to the tensor that a detector reads; NumPy and Pillow only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import PreprocessError
from .files import is_number
from .images import to_rgb
from .letterbox import Letterbox

SCHEMA = "detfit-preprocess"
SCHEMA_VERSION = 1
RESIZES = ("letterbox",)
CHANNEL_ORDERS = ("RGB", "BGR")
LARGEST_NUMBER = 1e6  # rejects infinities and NaN as well

# Mean and standard deviation of ImageNet's pixels in 0..1, as torchvision's weights expect them.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Preprocess:
    """Describe and perform the way from an image to a detector's input.

    The image is resized with Pillow's antialiased bilinear filter, placed at the top left of a
    fixed input, normalised as ``(pixel / 255 - mean) / std`` and padded.

    Attributes:
        input_hw: Height and width of the input, in pixels.
        mean: Mean per channel, pixels in 0..1, in the order of `channel_order`.
        std: Standard deviation per channel, likewise.
        resize: ``"letterbox"``: aspect ratio kept, padding at the right and the bottom.
        channel_order: ``"RGB"`` or ``"BGR"``.
        pad_value: Value of padded pixels after normalisation; 0 is the mean colour.

    Raises:
        PreprocessError: A field has a value outside of what it allows.

    Example:
        >>> array, box = Preprocess((64, 64)).apply(Image.new("L", (200, 100)))
        >>> array.shape, box.resized_hw
        ((3, 64, 64), (32, 64))
    """

    input_hw: tuple[int, int]
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    resize: str = "letterbox"
    channel_order: str = "RGB"
    pad_value: float = 0.0

    def __post_init__(self) -> None:
        _check_input_hw(self.input_hw)
        _check_numbers("mean", self.mean, 3)
        _check_numbers("std", self.std, 3)
        _check_numbers("pad_value", (self.pad_value,), 1)
        if min(self.std) <= 0:
            raise PreprocessError(f"std must be positive in every channel, got {self.std}")
        _check_choice("resize", self.resize, RESIZES)
        _check_choice("channel_order", self.channel_order, CHANNEL_ORDERS)

    def apply(self, image: Image.Image) -> tuple[Float32Array, Letterbox]:
        """Resize, normalise and pad one image of any mode.

        EXIF orientation is not looked at: see `load_image`.

        Returns:
            The input (3, h, w), float32 and contiguous, and the geometry that maps boxes back.

        Raises:
            DatasetError: The image's mode cannot become RGB.
        """
        rgb = to_rgb(image)
        letterbox = Letterbox.fit((rgb.height, rgb.width), self.input_hw)
        height, width = letterbox.resized_hw
        if rgb.size != (width, height):
            rgb = rgb.resize((width, height), Image.Resampling.BILINEAR)
        return self.place(np.asarray(rgb)), letterbox

    def place(self, pixels: npt.NDArray[np.uint8]) -> Float32Array:
        """Normalise RGB pixels (h', w', 3) and place them at the top left of the input.

        Raises:
            PreprocessError: The pixels are larger than the input or no 8-bit RGB array.
        """
        height, width = self.input_hw
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise PreprocessError(
                f"pixels must be uint8 of shape (h, w, 3), got {pixels.dtype} {pixels.shape}"
            )
        if pixels.shape[0] > height or pixels.shape[1] > width:
            raise PreprocessError(
                f"pixels {pixels.shape[:2]} exceed the input {self.input_hw}; resize first"
            )
        if self.channel_order == "BGR":
            pixels = pixels[:, :, ::-1]
        std = np.asarray(self.std, np.float32)
        gain = np.float32(1 / 255) / std
        shift = np.asarray(self.mean, np.float32) / std
        placed = np.full((3, height, width), self.pad_value, np.float32)
        placed[:, : pixels.shape[0], : pixels.shape[1]] = (pixels * gain - shift).transpose(
            2, 0, 1
        )
        return placed

    def to_json(self) -> dict[str, Any]:
        """Return the description as plain JSON values with its schema version."""
        fields = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }
        return {"schema": SCHEMA, "version": SCHEMA_VERSION, **fields}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Preprocess:
        """Return the preprocessing that `to_json` described.

        Raises:
            PreprocessError: Another schema or version, a missing or unknown field, a bad value.
        """
        if not isinstance(data, Mapping):
            raise PreprocessError(f"expected a JSON object, got {type(data).__name__}")
        found = (data.get("schema"), data.get("version"))
        if found != (SCHEMA, SCHEMA_VERSION):
            raise PreprocessError(
                f"schema {found[0]!r} version {found[1]!r} is unknown; "
                f"this detfit reads {SCHEMA!r} version {SCHEMA_VERSION}"
            )
        fields = {key: value for key, value in data.items() if key not in ("schema", "version")}
        if set(fields) != set(cls.__slots__):
            wrong = sorted(set(fields) ^ set(cls.__slots__), key=str)
            raise PreprocessError(f"missing or unknown fields: {', '.join(map(str, wrong))}")
        return cls(**{key: _frozen(value) for key, value in fields.items()})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _check_input_hw(input_hw: Any) -> None:
    whole = isinstance(input_hw, tuple) and len(input_hw) == 2
    if not whole or not all(type(size) is int and size > 0 for size in input_hw):
        raise PreprocessError(
            f"input_hw must be a tuple of two positive integers (height, width), got {input_hw!r}"
        )


def _check_numbers(name: str, values: Any, count: int) -> None:
    fits = isinstance(values, tuple) and len(values) == count
    if not fits or not all(is_number(value, LARGEST_NUMBER) for value in values):
        raise PreprocessError(f"{name} must be {count} finite numbers, got {values!r}")


def _check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise PreprocessError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
