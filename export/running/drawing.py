"""Draw detections so that they can be read on any photograph."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from detection import decode_rle

from ..bundle.postprocess import Detections

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]

# Sizes as fractions of the image's longer side, for a line and a text that stay readable when the
# image is shown on a screen as a whole.
LINE_FRACTION = 1 / 320
TEXT_FRACTION = 1 / 40
MIN_TEXT_PX = 11
MAX_TEXT_PX = 64
MASK_OPACITY = np.uint8(110)  # of 255: the photograph shines through
GOLDEN_RATIO = 0.618034
"""Hues this far apart on the circle stay different for any number of classes."""


def class_colour(label: int) -> Colour:
    """Return the colour of a class, the same on every image; neighbours differ clearly."""
    hue = (0.58 + label * GOLDEN_RATIO) % 1.0
    red, green, blue = colorsys.hls_to_rgb(hue, 0.45, 0.85)
    return round(255 * red), round(255 * green), round(255 * blue)


def text_colour(background: Colour) -> Colour:
    """Return black or white, whichever has more contrast on the background (WCAG 2, 1.4.3)."""
    luminance = sum(
        weight * _linear(channel / 255)
        for weight, channel in zip((0.2126, 0.7152, 0.0722), background, strict=True)
    )
    return (0, 0, 0) if (luminance + 0.05) ** 2 > 1.05 * 0.05 else (255, 255, 255)


def draw(image: Image.Image, detections: Detections, labels: Sequence[str]) -> Image.Image:
    """Draw boxes with label and score; captions lie on top of boxes, better ones on top.

    Masks, where there are any, are filled translucently below.

    Args:
        image: Of any 8-bit mode; left as it is.
        detections: Boxes in the image's pixels.
        labels: Class names by label; a label beyond them is drawn as its number.

    Returns:
        A new RGB image of the same size.
    """
    drawn = image.convert("RGB")
    canvas = ImageDraw.Draw(drawn)
    longer = max(drawn.size)
    width = max(1, round(longer * LINE_FRACTION))
    font = ImageFont.load_default(min(max(longer * TEXT_FRACTION, MIN_TEXT_PX), MAX_TEXT_PX))
    rows = list(reversed(range(len(detections))))  # worst first, so that the best lie on top
    boxes = [_corners(detections.boxes[row].tolist()) for row in rows]
    colours = [class_colour(int(detections.labels[row])) for row in rows]
    for row, colour in zip(rows, colours, strict=True):
        if detections.masks is not None:
            inside = decode_rle(detections.masks[row])
            drawn.paste(colour, mask=Image.fromarray(inside.astype(np.uint8) * MASK_OPACITY))
    for box, colour in zip(boxes, colours, strict=True):
        canvas.rectangle(box, outline=colour, width=width)
    for row, box, colour in zip(rows, boxes, colours, strict=True):
        label = int(detections.labels[row])
        name = labels[label] if 0 <= label < len(labels) else str(label)
        _caption(canvas, f"{name} {detections.scores[row]:.2f}", box, colour, font)
    return drawn


def _caption(
    canvas: ImageDraw.ImageDraw,
    text: str,
    box: Box,
    colour: Colour,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """Write a caption above the box, or inside where there is no room; never outside the image."""
    left, top, right, bottom = canvas.textbbox((0, 0), text, font=font)
    margin = max(1.0, (bottom - top) * 0.2)
    width, height = right - left + 2 * margin, bottom - top + 2 * margin
    image_width, image_height = canvas.im.size
    x = max(0.0, min(box[0], image_width - width))
    y = box[1] - height if box[1] >= height else min(box[1], image_height - height)
    y = max(0.0, y)
    canvas.rectangle((x, y, x + width, y + height), fill=colour)
    canvas.text((x + margin - left, y + margin - top), text, fill=text_colour(colour), font=font)


def _corners(box: Sequence[float]) -> Box:
    """Return the box with its corners in the order that Pillow asks for."""
    x1, y1, x2, y2 = box
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
