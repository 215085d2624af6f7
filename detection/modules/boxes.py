"""Box maths with fixed shapes: anchors, decoding, clipping.

Boxes are x1, y1, x2, y2 in input pixels throughout.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torchvision.models.detection.anchor_utils import AnchorGenerator

from searchspaces import ModuleSpec, level_sizes

MAX_LOG_SCALE = math.log(1000.0 / 16)  # torchvision's BoxCoder: no box grows more than 62.5 times
MIN_SIDE_PX = 1e-2  # torchvision's RoIHeads: thinner boxes are dropped
ANCHOR_STDS = (1.0, 1.0)
"""What regression outputs are in units of: shifts of the centre, logarithms of the scales."""


def make_anchors(spec: ModuleSpec) -> Tensor:
    """Return the anchors of a specification ``(a, 4)``: level, row, column, then cell anchor.

    Cell anchors stand on the cell's top left corner and are rounded to whole pixels, as
    torchvision's are; their order is ratio, then scale.
    """
    strides, ratios = spec.get_ints("strides"), spec.get_floats("ratios")
    scales = spec.get_floats("anchor_scales")
    sizes = tuple(tuple(scale * stride for scale in scales) for stride in strides)
    generator = AnchorGenerator(sizes, (ratios,) * len(strides))
    steps = [[torch.tensor(stride), torch.tensor(stride)] for stride in strides]
    grid = generator.grid_anchors([list(size) for size in level_sizes(spec)], steps)
    return torch.cat(grid).float()


def image_limits(spec: ModuleSpec) -> Tensor:
    """Return the largest x1, y1, x2, y2 inside the image, ``(4,)``."""
    height, width = spec.get_int("image_h"), spec.get_int("image_w")
    return torch.tensor([width, height, width, height], dtype=torch.float32)


def decode(deltas: Tensor, boxes: Tensor, stds: tuple[float, float]) -> Tensor:
    """Apply regression deltas ``(..., 4)`` to boxes ``(..., 4)``.

    Same maths as torchvision's ``BoxCoder`` (R-CNN, Girshick et al. 2014, appendix C), for any
    leading sides.

    Args:
        deltas: Shifts in box sides and logarithms of scales, over the standard deviations.
        boxes: Anchors or proposals.
        stds: Of shifts and of scales.
    """
    sides = boxes[..., 2:] - boxes[..., :2]
    shift, growth = deltas[..., :2] * stds[0], deltas[..., 2:] * stds[1]
    centres = boxes[..., :2] + (shift + 0.5) * sides
    half = 0.5 * sides * growth.clamp(max=MAX_LOG_SCALE).exp()
    return torch.cat((centres - half, centres + half), -1)


def clip(boxes: Tensor, limits: Tensor) -> Tensor:
    """Move corners ``(..., 4)`` that lie outside of the image onto its border.

    What is no number becomes 0: a diverged detector then finds nothing, where RoIAlign would read
    beyond its map.
    """
    return torch.minimum(torch.where(boxes > 0, boxes, 0.0), limits)


def is_large_enough(boxes: Tensor) -> Tensor:
    """Return ``(...)`` whether both sides of a box ``(..., 4)`` are at least 0.01 pixels."""
    return (boxes[..., 2:] - boxes[..., :2]).amin(-1) >= MIN_SIDE_PX
