"""RoIAlign over pyramid levels as one operator of fixed shape.

The levels are laid out on one map, the atlas: the finest on top, the coarser ones side by side
below, each with its edge repeated by a pixel. A box is moved to its level's place by arithmetic,
so that neither a selection by level nor a merge is needed. Since boxes lie inside the image, no
sample leaves the repeated edge, and edge repetition is what RoIAlign does at a border: the result
equals RoIAlign on the level itself.
"""

from __future__ import annotations

import torch
from searchspaces import ModuleSpec
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation
from torchvision.ops import roi_align

from ..errors import BuildError

LEVEL_EPSILON = 1e-6  # torchvision's LevelMapper: a box at the border between levels goes up


class RoiAlign(nn.Module):
    """Pool each box from the pyramid level that fits its size.

    Args:
        spec: A ``roi_align``; see :data:`searchspaces.KINDS`.

    Raises:
        BuildError: The strides do not double from level to level.
    """

    origins: Tensor
    min_areas: Tensor

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        self.size, self.sampling = spec.get_int("size"), spec.get_int("sampling")
        strides = spec.get_ints("strides")
        if any(stride != strides[0] << level for level, stride in enumerate(strides)):
            raise BuildError(f"roi_align needs strides that double, got {strides}")
        self.hw = [(t.shape[2], t.shape[3]) for t in spec.inputs[:-1]]
        self.register_buffer("origins", _origins(strides, self.hw), persistent=False)
        self.register_buffer("min_areas", _min_areas(spec, strides), persistent=False)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Pool boxes from levels.

        Args:
            inputs: Levels ``(n, channels, h, w)``, finest first, then boxes ``(n, r, 4)`` that
                lie inside the image.

        Returns:
            Features ``(n * r, channels, size, size)``, image after image.
        """
        levels, boxes = inputs[:-1], inputs[-1]
        regions = self._to_atlas(boxes)
        pooled: Tensor = roi_align(
            self._atlas(levels),
            list(regions.unbind(0)),
            self.size,
            sampling_ratio=self.sampling,
            aligned=True,
        )
        return pooled

    def _atlas(self, levels: tuple[Tensor, ...]) -> Tensor:
        finest, *coarser = levels
        if not coarser:
            return finest
        height, width = self.hw[0]
        band_h = self.hw[1][0] + 2
        band_w = sum(w + 2 for _, w in self.hw[1:])
        columns, rest = [], max(0, width - band_w)
        for index, ((h, _), level) in enumerate(zip(self.hw[1:], coarser, strict=True)):
            right = 1 + (rest if index == len(coarser) - 1 else 0)
            columns.append(F.pad(level, (1, right, 1, band_h - h - 1), mode="replicate"))
        if band_w > width:
            finest = F.pad(finest, (0, band_w - width, 0, 0), mode="replicate")
        return torch.cat((finest, finest[:, :, height - 1 :], torch.cat(columns, 3)), 2)

    def _to_atlas(self, boxes: Tensor) -> Tensor:
        """Return boxes ``(n, r, 4)`` in pixels of the atlas."""
        sides = boxes[..., 2:] - boxes[..., :2]
        area = (sides[..., 0] * sides[..., 1]).unsqueeze(-1)
        level = (area >= self.min_areas).sum(-1)  # FPN, eq. 1, without a logarithm
        place = self.origins[level]
        return boxes * place[..., 2:] + torch.cat((place[..., :2], place[..., :2]), -1)


def _origins(strides: tuple[int, ...], hw: list[tuple[int, int]]) -> Tensor:
    """Return x and y of every level's first pixel in the atlas, and its scale, ``(l, 3)``."""
    rows, x = [(0.0, 0.0, 1 / strides[0])], 1.0
    for stride, (_, width) in zip(strides[1:], hw[1:], strict=True):
        rows.append((x, hw[0][0] + 2.0, 1 / stride))
        x += width + 2
    return torch.tensor(rows)


def _min_areas(spec: ModuleSpec, strides: tuple[int, ...]) -> Tensor:
    """Return the least area of a box of each level but the finest, in square pixels."""
    canonical, level = spec.get_int("canonical_size"), spec.get_int("canonical_level")
    finest = strides[0].bit_length() - 1
    sides = [canonical * 2.0 ** (finest + i - level) for i in range(1, len(strides))]
    return torch.tensor([side * side * 2 ** (-2 * LEVEL_EPSILON) for side in sides])


MODULES = {"roi_align": RoiAlign}
