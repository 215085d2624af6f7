"""Anchor geometry that dense heads and their post-processing share, as module parameters."""

from __future__ import annotations

from ..errors import ModuleSpecError
from ..modules import ModuleSpec


def level_sizes(spec: ModuleSpec) -> tuple[tuple[int, int], ...]:
    """Return ``(height, width)`` of every pyramid level, finest first."""
    heights, widths = spec.get_ints("heights"), spec.get_ints("widths")
    if not len(heights) == len(widths) == len(spec.get_ints("strides")):
        raise ModuleSpecError(
            f"{spec.kind}: heights, widths and strides must name the same levels, got "
            f"{heights}, {widths}, {spec.get_ints('strides')}"
        )
    return tuple(zip(heights, widths, strict=True))


def anchors_per_cell(spec: ModuleSpec) -> int:
    """Return how many anchors stand on one cell: scales times aspect ratios."""
    return len(spec.get_floats("anchor_scales")) * len(spec.get_floats("ratios"))


def anchors_per_level(spec: ModuleSpec) -> tuple[int, ...]:
    """Return the number of anchors of every level."""
    each = anchors_per_cell(spec)
    return tuple(height * width * each for height, width in level_sizes(spec))
