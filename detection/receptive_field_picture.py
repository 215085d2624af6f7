"""Receptive fields as a picture: architectures in rows, pyramid levels in columns."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from searchspaces import SvgCanvas, fit_text

from .errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from searchspaces import DetectorSpec

    from .receptive_field import ReceptiveField

_MARGIN = 16
_WIDTH = 200  # of a heat map
_GAP = 14
_COLOURS = (  # dark to bright at even steps of lightness
    (8, 6, 24),
    (56, 16, 104),
    (130, 36, 128),
    (208, 66, 104),
    (250, 146, 98),
    (252, 246, 190),
)
_BRIGHTEST = 99.9  # percentile of the brightest colour: single pixels stand far above the rest


def draw_receptive_fields(
    items: Sequence[tuple[str, Sequence[ReceptiveField]]], weights: str
) -> str:
    """Draw effective receptive fields as one self-contained SVG file (CR-NAS, fig. 1).

    Every heat map is the whole input; its brightness grows with the root of the gradient. The
    frame is the square that holds 95.45 % of the gradient.

    Args:
        items: Title and fields of each architecture.
        weights: What the picture says of the weights, such as ``random weights, seeds 0..3``.

    Returns:
        The file's text; equal arguments give equal text.

    Raises:
        BuildError: There is nothing to draw.
    """
    if not items or not all(fields for _, fields in items):
        raise BuildError("a picture of receptive fields needs fields for at least one detector")
    canvas = SvgCanvas()
    strides = sorted({field.stride for _, fields in items for field in fields})
    y = float(_MARGIN)
    for title, fields in items:
        canvas.text(_MARGIN, y + 8, fit_text(title, len(strides) * _WIDTH, "l"), "ink bold l")
        y += 26
        height = max(_height(field) for field in fields)
        for field in fields:
            x = _MARGIN + strides.index(field.stride) * (_WIDTH + _GAP)
            _draw_field(canvas, field, x, y, f"{title}, stride {field.stride}")
        y += height + 44
    _draw_scale(canvas, y, weights)
    names = ", ".join(title for title, _ in items)
    return canvas.finish(f"Effective receptive fields: {names}", weights)


def _draw_field(canvas: SvgCanvas, field: ReceptiveField, x: float, y: float, about: str) -> None:
    level = field.stride.bit_length() - 1
    canvas.text(x, y + 5, f"P{level}", "ink bold m")
    canvas.text(x + _WIDTH, y + 5, f"stride {field.stride}", "muted s", "end")
    y += 14
    canvas.image(x, y, _WIDTH, _height(field), _png(field.gradient), about)
    _draw_frame(canvas, field, x, y)


def _draw_frame(canvas: SvgCanvas, field: ReceptiveField, x: float, y: float) -> None:
    """Frame the square of the field's side, as far as it lies in the image; write its side."""
    rows, columns = field.gradient.shape
    side, (row, column) = field.side_px(), field.centre
    left, top = column + (1 - side) / 2, row + (1 - side) / 2
    right, low = left + side, top + side
    cut = left < 0 or top < 0 or right > columns or low > rows
    left, top, right, low = max(left, 0), max(top, 0), min(right, columns), min(low, rows)
    scale = _WIDTH / columns
    box = (x + left * scale, y + top * scale, (right - left) * scale, (low - top) * scale)
    canvas.rect(*box, "marker", 1)
    words = f"{'at least ' if cut else ''}{side:.0f} px"
    canvas.text(x, y + _height(field) + 9, words, "ink s")


def _draw_scale(canvas: SvgCanvas, y: float, weights: str) -> None:
    steps = np.linspace(0, 1, 64)[None]
    canvas.image(_MARGIN, y - 4, 80, 8, _encode(steps), "little to much gradient")
    words = "gradient of the level's centre, little to much (root) · frame: 95.45 % of it"
    canvas.text(_MARGIN + 88, y, words, "muted s")
    canvas.text(_MARGIN, y + 15, weights, "muted s")


def _height(field: ReceptiveField) -> float:
    rows, columns = field.gradient.shape
    return float(round(_WIDTH * rows / columns))


def _png(gradient: npt.NDArray[np.float64]) -> str:
    """Average the gradient down to the picture's size and colour its root."""
    rows, columns = gradient.shape
    width = min(columns, _WIDTH)
    height = max(round(width * rows / columns), 1)
    small = Image.fromarray(gradient.astype(np.float32)).resize(
        (width, height), Image.Resampling.BOX
    )
    values = np.asarray(small, np.float64)
    most = np.percentile(values, _BRIGHTEST) or values.max()
    return _encode(np.sqrt(np.clip(values / most, 0, 1)) if most else values)


def _encode(values: npt.NDArray[np.float64]) -> str:
    """Colour values of 0..1 and return a PNG file as base64 text."""
    image = Image.fromarray(np.round(values * 255).astype(np.uint8))
    image.putpalette(_palette())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def _palette() -> list[int]:
    places = np.linspace(0, len(_COLOURS) - 1, 256)
    channels = [
        np.interp(places, range(len(_COLOURS)), column) for column in zip(*_COLOURS, strict=True)
    ]
    return [round(float(value)) for value in np.stack(channels, axis=1).ravel()]


def picture_receptive_fields(
    detectors: Sequence[tuple[str, DetectorSpec]],
    weights: Path | None = None,
    progress: Callable[[str, float, float], None] | None = None,
) -> str:
    """Measure and draw the receptive fields of detectors.

    Args:
        detectors: Title and declaration of each.
        weights: Of the only detector, trained; random weights, averaged over some draws, if
            ``None``.
        progress: Called as ``progress(message, done, total)`` in detectors.

    Raises:
        BuildError: There are weights for several detectors, or nothing to draw.
        CheckpointError: The weights cannot be read, or are another network's.
    """
    from .receptive_field import DRAWS, random_receptive_fields, receptive_fields

    if weights is None:
        items = []
        for done, (title, spec) in enumerate(detectors):
            if progress is not None:
                progress(f"receptive fields of {title}", done, len(detectors))
            items.append((title, random_receptive_fields(spec)))
        about = f"random weights and noise, averaged over {DRAWS} draws"
        return draw_receptive_fields(items, about)
    if len(detectors) != 1:
        raise BuildError(
            f"{weights} are the weights of one detector, but {len(detectors)} are to be drawn"
        )
    from .detector import Detector
    from .weights import load_weights

    title, spec = detectors[0]
    detector = Detector(spec)
    load_weights(weights, detector)
    return draw_receptive_fields(
        [(title, receptive_fields(detector))],
        f"weights {weights.name}, averaged over {DRAWS} images of noise",
    )
