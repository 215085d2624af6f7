"""Deformable 3x3 convolution (Dai et al., ICCV 2017) as one ``GridSample`` and one convolution.

Engines disagree on ``DeformConv``; all take ``GridSample``. See decision 0009.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation

TAPS = 9  # of a 3x3 filter, row by row


class TapGrid(nn.Module):
    """Turn offsets in pixels into the places where a map is sampled.

    Args:
        height: Of the map.
        width: Of the map.
    """

    base: Tensor
    scale: Tensor
    x_first: Tensor

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width
        size = torch.tensor([width, height], dtype=torch.float64)  # rounded once, at the end
        # GridSample's coordinates with align_corners=False: the map spans -1..1 from the first
        # pixel's edge to the last one's, so that a map of a single row is no special case.
        base = (2 * _tap_places(height, width) + 1) / size - 1
        base = base.reshape(1, TAPS * height, width, 2).float()
        self.register_buffer("base", base, persistent=False)
        self.register_buffer("scale", (2 / size).float(), persistent=False)
        self.register_buffer("x_first", torch.tensor([1, 0]), persistent=False)

    def forward(self, offsets: Tensor) -> Tensor:
        """Map ``(n, groups * 18, h, w)`` to a grid ``(n * groups, 9 * h, w, 2)``, x before y.

        A group's channels are, for each tap, its shift down and its shift right (torchvision's
        and mmcv's order). The grids of the nine taps lie below one another.
        """
        taps = offsets.reshape(-1, TAPS, 2, self.height, self.width).permute(0, 1, 3, 4, 2)
        rows = taps.reshape(-1, TAPS * self.height, self.width, 2).index_select(3, self.x_first)
        return rows * self.scale + self.base


def _tap_places(height: int, width: int) -> Tensor:
    """Return the pixel ``(9, h, w, 2)``, x before y, that each tap of a plain filter reads."""
    step = torch.arange(-1, 2)
    y = (step[:, None] + torch.arange(height)).view(3, 1, height, 1)
    x = (step[:, None] + torch.arange(width)).view(1, 3, 1, width)
    places = torch.stack(torch.broadcast_tensors(x, y), -1)
    return places.reshape(TAPS, height, width, 2)


class DeformConv(nn.Module):
    """Convolve 3x3 with stride 1 and padding 1, each tap shifted by an offset of its own.

    Equals ``torchvision.ops.deform_conv2d``: samples are interpolated linearly and what lies
    outside of the map is zero. Its weights are those of a plain 3x3 convolution without bias.

    Args:
        in_channels: Channels taken.
        out_channels: Channels given.
        groups: Sets of offsets; each serves ``in_channels / groups`` channels.
        sizes: Height and width of every map that it will be run on.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        groups: int,
        sizes: Sequence[tuple[int, int]],
    ) -> None:
        super().__init__()
        self.groups, self.in_channels, self.out_channels = groups, in_channels, out_channels
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, 3, 3))
        nn.init.kaiming_uniform_(self.weight, nonlinearity="relu")
        self.sizes = tuple(sizes)
        self.grids = nn.ModuleList(TapGrid(height, width) for height, width in sizes)

    def forward(self, x: Tensor, offsets: Tensor, which: int = 0) -> Tensor:
        """Map ``(n, in, h, w)`` and offsets ``(n, groups * 18, h, w)`` to ``(n, out, h, w)``.

        Args:
            x: The map.
            offsets: In pixels; see :class:`TapGrid`.
            which: Position of the map's size in ``sizes``.
        """
        height, width = self.sizes[which]
        grid: Tensor = self.grids[which](offsets)
        per_group = x.reshape(-1, self.in_channels // self.groups, height, width)
        samples = F.grid_sample(per_group, grid, "bilinear", "zeros", align_corners=False)
        # Nine maps below one another are, without moving a number, nine channels in their place.
        columns = samples.reshape(-1, self.in_channels * TAPS, height, width)
        return F.conv2d(columns, self.weight.reshape(self.out_channels, -1, 1, 1))
