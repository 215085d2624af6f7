"""Curves of the best architectures so far as one picture, with its numbers beside it."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from searchspaces import SvgCanvas, fit_text, write_atomically

from ..errors import RunError
from .best_so_far import BestCurve, curves_to_dict

WIDTH, HEIGHT, LEFT, TOP = 560.0, 300.0, 64.0, 56.0  # of the plot, and where it begins; pixels
LEGEND = 16.0  # height of a line of it
STYLES = ("k3", "accent", "k1", "op", "d3", "k5")  # one per curve
THICKNESS = 2.0
TICKS = 6  # about so many on an axis

Point = tuple[float, float]


def write_best_curves(curves: Sequence[BestCurve], path: str | Path) -> tuple[Path, Path]:
    """Write a picture, and its numbers as JSON beside it.

    Args:
        curves: At least one, all of one objective.
        path: The picture, ``.svg``; the numbers get the same name with ``.json``.

    Returns:
        Both files.

    Raises:
        RunError: There are no curves, too many, or curves of different objectives.
    """
    picture = Path(path)
    numbers = picture.with_suffix(".json")
    drawn = draw_best_curves(curves)
    write_atomically(numbers, (json.dumps(curves_to_dict(curves), indent=1) + "\n").encode())
    write_atomically(picture, drawn.encode())
    return picture, numbers


def draw_best_curves(curves: Sequence[BestCurve]) -> str:
    """Return the picture of several runs as SVG text.

    Raises:
        RunError: There are no curves, too many, or curves of different objectives.
    """
    _check(curves)
    first, canvas = curves[0], SvgCanvas()
    plot = _Plot.of(curves)
    title = f"Mean {first.objective} of the best {max(map(max, (c.kept for c in curves)))} so far"
    canvas.text(LEFT, 20, title, "ink l bold")
    canvas.text(LEFT, 40, f"{first.unit or first.objective} against evaluations", "muted s")
    _draw_axes(canvas, plot)
    for number, (curve, style) in enumerate(zip(curves, STYLES, strict=False)):
        points = [plot.place(x, y) for x, y in zip(curve.evaluations, curve.mean, strict=True)]
        _draw_curve(canvas, points, style)
        low = TOP + HEIGHT + 44 + number * LEGEND
        canvas.rect(LEFT, low - 5, 10, 10, style)
        last = f"{curve.label}: {curve.mean[-1]:.4g} after {curve.evaluations[-1]}"
        canvas.text(LEFT + 18, low, fit_text(last, WIDTH), "ink m")
    described = "; ".join(f"{c.label} ends at {c.mean[-1]:.4g}" for c in curves)
    return canvas.finish(title, described)


@dataclass(frozen=True, slots=True)
class _Plot:
    """Where numbers stand on the page."""

    x_ticks: tuple[float, ...]
    y_ticks: tuple[float, ...]

    @classmethod
    def of(cls, curves: Sequence[BestCurve]) -> _Plot:
        values = [value for curve in curves for value in curve.mean]
        most = max(curve.evaluations[-1] for curve in curves)
        return cls(_ticks(0.0, float(most)), _ticks(min(values), max(values)))

    def place(self, x: float, y: float) -> Point:
        across = (x - self.x_ticks[0]) / (self.x_ticks[-1] - self.x_ticks[0])
        up = (y - self.y_ticks[0]) / (self.y_ticks[-1] - self.y_ticks[0])
        return LEFT + across * WIDTH, TOP + (1 - up) * HEIGHT


def _check(curves: Sequence[BestCurve]) -> None:
    if not curves or len(curves) > len(STYLES):
        raise RunError(f"a picture has 1 to {len(STYLES)} curves, got {len(curves)}")
    names = sorted({curve.objective for curve in curves})
    if len(names) > 1:
        raise RunError(
            f"the runs are scored by different objectives ({', '.join(names)}), so that their "
            "curves do not compare; draw them apart"
        )


def _ticks(low: float, high: float) -> tuple[float, ...]:
    """Return round numbers that hold a range, about :data:`TICKS` of them."""
    span = high - low or max(abs(high), 1.0)
    rough = span / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    steps = (factor * power for factor in (1, 2, 5))
    step = next((each for each in steps if each >= rough), 10 * power)
    first, last = math.floor(low / step), math.ceil((low + span) / step)
    return tuple(index * step for index in range(first, last + 1))


def _draw_axes(canvas: SvgCanvas, plot: _Plot) -> None:
    for tick in plot.y_ticks:
        left, y = plot.place(plot.x_ticks[0], tick)
        canvas.line(left, y, left + WIDTH, y)
        canvas.text(left - 8, y, f"{tick:.6g}", "muted s", "end")
    for tick in plot.x_ticks:
        x, low = plot.place(tick, plot.y_ticks[0])
        canvas.line(x, low, x, low + 5)
        canvas.text(x, low + 16, f"{tick:.6g}", "muted s", "middle")


def _draw_curve(canvas: SvgCanvas, points: Sequence[Point], style: str) -> None:
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        length = math.hypot(x2 - x1, y2 - y1)
        across, up = (THICKNESS / 2 * d / length for d in (y1 - y2, x2 - x1))
        corners = [(x1 + across, y1 + up), (x2 + across, y2 + up)]
        corners += [(x2 - across, y2 - up), (x1 - across, y1 - up)]
        canvas.polygon(corners, style)
    for x, y in points:
        canvas.rect(x - 3, y - 3, 6, 6, style, radius=3)
