"""Reading an image file of any mode as 8-bit RGB."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..errors import DatasetError

# Modes whose pixels are 16-bit intensities; Pillow scales PGM files of mode "I" to that range too.
SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")
SIXTEEN_BIT_MAX = 65535


def load_image(path: str | Path, *, apply_exif: bool = False) -> Image.Image:
    """Read an image file as 8-bit RGB; of several frames, the first.

    Args:
        path: The file, in any format that Pillow reads.
        apply_exif: Whether to turn the image upright as its EXIF orientation says. Off by
            default because COCO annotations refer to the stored pixel grid; turn it on for
            photographs without annotations.

    Returns:
        An RGB image, fully decoded, with the file closed.

    Raises:
        DatasetError: The file is missing, truncated, no image, or of a mode without a
            defined range; the message names the file.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetError(f"{path}: no such image file")
    try:
        with Image.open(path) as image:
            image.load()
            upright = ImageOps.exif_transpose(image) if apply_exif else image
            return to_rgb(upright)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from None
    except Exception as error:  # on damaged files Pillow's plug-ins raise nearly anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetError(f"{path}: not a readable image ({reason})") from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image of any mode as 8-bit RGB; an RGB image is returned as it is.

    16-bit grey is scaled from 0..65535 to 0..255; transparency is dropped and the stored colours
    stay, as torchvision and pycocotools users expect.

    Raises:
        DatasetError: The image is of floating point, whose range is not defined.
    """
    if image.mode == "RGB":
        return image
    if image.mode in SIXTEEN_BIT_MODES:
        return _sixteen_bit_to_rgb(image)
    if image.mode == "F":
        raise DatasetError(
            "floating-point image: its black and white are not defined; store it as 8 or 16 bit"
        )
    if image.mode in ("P", "PA"):  # through RGBA: a palette may carry transparency as bytes
        image = image.convert("RGBA")
    if image.mode in ("La", "RGBa"):  # premultiplied alpha has one way out only
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    return image.convert("RGB")


def _sixteen_bit_to_rgb(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64).clip(0, SIXTEEN_BIT_MAX)
    grey = ((values * 255 + SIXTEEN_BIT_MAX // 2) // SIXTEEN_BIT_MAX).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")
