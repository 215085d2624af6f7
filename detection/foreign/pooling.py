"""torchvision's RoIAlign over pyramid levels with fixed shapes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.ops import MultiScaleRoIAlign, roi_align

from ..errors import BuildError
from ..modules.dynamic_batch import batch_is_dynamic, with_image_index
from .spec import Layout


class Pooling(nn.Module):
    """Pool each box from the level that fits its size, as ``MultiScaleRoIAlign`` does.

    torchvision's detectors sample without the shift of half a pixel, and a box is at least one
    cell wide there: at the right and the lower border it reaches beyond its map, where zeros are
    read. An atlas of all levels has no such zeros, so every level is pooled and each box takes
    its own.

    Args:
        pool: The detector's.
        layout: What its input size fixes.

    Raises:
        BuildError: Boxes would be sent to levels that are not there.
    """

    min_sides: Tensor

    def __init__(self, pool: MultiScaleRoIAlign, layout: Layout) -> None:
        super().__init__()
        names = [name for name in layout.levels if name in pool.featmap_names]
        scales = layout.scales(names)
        # LevelMapper counts octaves from the first map's scale to the last one's; maps of equal
        # scale behind the first are never used.
        finest, coarsest = (-round(float(torch.tensor(scales[i]).log2())) for i in (0, -1))
        used = coarsest - finest + 1
        if used > len(names) or used < 1:
            raise BuildError(
                f"the pooled maps {names} have the scales {scales}: a map of every octave between "
                "the first and the last is needed"
            )
        self.levels = dict(zip(names[:used], scales[:used], strict=True))
        self.size, self.sampling = tuple(pool.output_size), pool.sampling_ratio
        # FPN, eq. 1, as LevelMapper rounds it: a level from this root of a box's area on.
        octaves = torch.arange(finest + 1, coarsest + 1) - pool.canonical_level - 1e-6
        self.register_buffer("min_sides", pool.canonical_scale * 2.0**octaves, persistent=False)

    def forward(self, maps: dict[str, Tensor], boxes: Tensor) -> Tensor:
        """Pool boxes ``(n, r, 4)``; give ``(n * r, channels, size, size)``, image after image."""
        rois = with_image_index(boxes) if batch_is_dynamic() else list(boxes.unbind(0))
        pooled = [
            roi_align(maps[name], rois, self.size, scale, self.sampling)
            for name, scale in self.levels.items()
        ]
        sides = (boxes[..., 2:] - boxes[..., :2]).flatten(0, 1).clamp(min=0).sqrt()
        side = (sides[:, 0] * sides[:, 1]).unsqueeze(-1)
        level = (side >= self.min_sides).sum(-1).reshape(-1, 1, 1, 1)
        chosen: Tensor = pooled[0]
        for index, each in enumerate(pooled[1:], 1):
            chosen = torch.where(level == index, each, chosen)
        return chosen
