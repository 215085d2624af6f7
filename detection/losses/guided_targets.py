"""Where objects are looked for and which anchors learn them (Wang et al., CVPR 2019, sec. 3)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torchvision.models.detection._utils import Matcher
from torchvision.ops import box_iou

from ..modules.guided import GuidedProposals
from .assign import NEGATIVE
from .guided_config import GuidedLossConfig

OCTAVE_STEPS = 3
RATIOS = (0.5, 1.0, 2.0)
"""Height/width of the anchors that stand for all shapes of a cell, with three sizes an octave."""


def target_levels(objects: Tensor, smallest_px: float, levels: int) -> Tensor:
    """Return the level ``(m,)`` whose square is nearest to an object's size, on a log scale.

    Args:
        objects: ``(m, 4)``.
        smallest_px: Side of the finest level's square; the sides double from level to level.
        levels: Number of levels.
    """
    area = (objects[:, 2:] - objects[:, :2]).prod(1)
    level = (0.5 * area.log2() - objects.new_tensor(smallest_px).log2() + 0.5).floor()
    return level.clamp(0, levels - 1).long()


def covered_cells(boxes: Tensor, ratio: float, height: int, width: int) -> Tensor:
    """Return which cells ``(height, width)`` lie in the middle of any box.

    Args:
        boxes: ``(m, 4)`` in cells.
        ratio: Part of the sides that counts as the middle.
        height: Of the level.
        width: Of the level.
    """
    margin = (1 - ratio) / 2
    corners, others = boxes[:, :2], boxes[:, 2:]
    last = boxes.new_tensor([width - 1, height - 1])
    # Both ends belong to the region, so that even a small object has a cell.
    low = torch.lerp(corners, others, margin).round().clamp(min=0).minimum(last)
    high = torch.lerp(others, corners, margin).round().clamp(min=0).minimum(last)
    x, y = (torch.arange(size, device=boxes.device) for size in (width, height))
    columns = (x >= low[:, :1]) & (x <= high[:, :1])
    rows = (y >= low[:, 1:]) & (y <= high[:, 1:])
    return (rows[:, :, None] & columns[:, None, :]).any(0)


def location_targets(
    objects: Tensor, selection: GuidedProposals, config: GuidedLossConfig
) -> tuple[Tensor, Tensor]:
    """Return for every cell of one image whether it is an object's centre, and its weight.

    Around an object's centre the cells of its level are positive. Farther out, and on the levels
    next to it, they do not count; a centre wins over another object's surroundings.

    Args:
        objects: ``(m, 4)``.
        selection: Names levels and squares.
        config: Numbers.

    Returns:
        Truth and weight ``(cells,)``.
    """
    strides = selection.strides
    levels = target_levels(objects, selection.square_scale * strides[0], len(strides))
    truth, weight = [], []
    for level, (stride, size) in enumerate(zip(strides, selection.level_sizes, strict=True)):
        boxes = objects / stride
        centre = covered_cells(boxes[levels == level], config.center_ratio, *size)
        near = (levels - level).abs() <= 1
        around = covered_cells(boxes[near], config.ignore_ratio, *size)
        truth.append(centre.flatten().float())
        weight.append((~around).flatten().float() * config.negative_weight)
    is_centre = torch.cat(truth)
    return is_centre, torch.maximum(is_centre, torch.cat(weight))


def shape_overlap(objects: Tensor, squares: Tensor) -> Tensor:
    """Return the best IoU ``(m, cells)`` that nine shapes of a cell's anchor reach.

    Args:
        objects: ``(m, 4)``.
        squares: ``(cells, 4)``.
    """
    best = objects.new_zeros(len(objects), len(squares))
    for anchors in _sampled_shapes(squares):
        best = torch.maximum(best, box_iou(objects, anchors))
    return best


def _sampled_shapes(squares: Tensor) -> Iterator[Tensor]:
    centres = 0.5 * (squares[:, :2] + squares[:, 2:])
    half = 0.5 * (squares[:, 2:] - squares[:, :2])
    for octave in range(OCTAVE_STEPS):
        for ratio in RATIOS:
            growth = squares.new_tensor([ratio**-0.5, ratio**0.5]) * 2 ** (octave / OCTAVE_STEPS)
            yield torch.cat((centres - half * growth, centres + half * growth), 1)


def assign(overlap: Tensor, config: GuidedLossConfig) -> Tensor:
    """Return the object of every anchor ``(n,)``: its index, ``NEGATIVE`` or ``IGNORED``.

    Args:
        overlap: IoU of every object with every anchor ``(m, n)``; there may be no object.
        config: Numbers.
    """
    if not len(overlap):
        return torch.full(overlap.shape[1:], NEGATIVE, device=overlap.device)
    matched: Tensor = Matcher(config.positive_iou, config.negative_iou)(overlap)
    best = overlap.amax(1, keepdim=True)
    closest = (overlap == best) & (best >= config.least_iou)
    number = torch.arange(1, len(overlap) + 1, device=overlap.device)
    claimed = (closest * number.unsqueeze(1)).amax(0) - 1  # the last of several objects
    return torch.where(claimed >= 0, claimed, matched)
