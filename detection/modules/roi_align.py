"""RoIAlign over pyramid levels as one operator of fixed shape.

The levels are laid out on one map, the atlas: the finest on top, the coarser ones side by side
below, each with its edge repeated by a pixel. A box is moved to its level's place by arithmetic,
so that neither a selection by level nor a merge is needed. Since boxes lie inside the image, no
sample leaves the repeated edge, and edge repetition is what RoIAlign does at a border: the result
equals RoIAlign on the level itself.
"""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from searchspaces import ModuleSpec

from ..errors import BuildError
from .dynamic_batch import batch_is_dynamic, with_image_index
from .select import look_up

LEVEL_EPSILON = 1e-6  # torchvision's LevelMapper: a box at the border between levels goes up


class Atlas(nn.Module):
    """Lay out the levels of a pyramid on one map.

    Args:
        hw: Height and width of every level, finest first.

    Attributes:
        origins: x and y of every level's first pixel.
    """

    def __init__(self, hw: list[tuple[int, int]]) -> None:
        super().__init__()
        (height, self.width), coarser = hw[0], hw[1:]
        # One pixel of repeated edge lies before each coarser level and one behind it.
        starts = list(accumulate((width + 2 for _, width in coarser), initial=1))
        self.band_w = starts[-1] - 1
        self.origins = [(0, 0), *((x, height + 2) for x in starts[:-1])]
        # Edges are repeated by picking rows: engines copy whole rows at once.
        for index, (rows, _) in enumerate(coarser):
            self.register_buffer(
                f"rows_{index}", _clamped(-1, coarser[0][0] + 1, rows), persistent=False
            )

    def forward(self, *levels: Tensor) -> Tensor:
        """Map levels ``(n, c, h, w)`` to ``(n, c, atlas height, atlas width)``.

        What fills the gaps between levels is never sampled.
        """
        finest, *coarser = levels
        if not coarser:
            return finest
        tall = [x.index_select(2, self.get_buffer(f"rows_{i}")) for i, x in enumerate(coarser)]
        band = torch.cat([part for x in tall for part in (x[..., :1], x, x[..., -1:])], 3)
        width = max(self.width, self.band_w)
        finest = _widened(finest, self.width, width)
        band = _widened(band, self.band_w, width)
        return torch.cat((finest, finest[:, :, -1:], band), 2)


class RoiAlign(nn.Module):
    """Pool each box from the pyramid level that fits its size.

    Args:
        spec: A ``roi_align``; see :data:`searchspaces.KINDS`.

    Raises:
        BuildError: The strides do not double from level to level.
    """

    places: Tensor
    min_sides: Tensor

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        self.size, self.sampling = spec.get_int("size"), spec.get_int("sampling")
        strides = spec.get_ints("strides")
        if any(stride != strides[0] << level for level, stride in enumerate(strides)):
            raise BuildError(f"roi_align needs strides that double, got {strides}")
        self.has_levels, self.scale = len(strides) > 1, 1 / strides[0]
        self.atlas = Atlas([(t.shape[2], t.shape[3]) for t in spec.inputs[:-1]])
        places = [(x, y, 1 / s) for (x, y), s in zip(self.atlas.origins, strides, strict=True)]
        self.register_buffer("places", torch.tensor(places), persistent=False)
        self.register_buffer("min_sides", _min_sides(spec, strides), persistent=False)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Pool boxes from levels.

        Args:
            inputs: Levels ``(n, channels, h, w)``, finest first, then boxes ``(n, r, 4)`` that
                lie inside the image.

        Returns:
            Features ``(n * r, channels, size, size)``, image after image.
        """
        levels, boxes = inputs[:-1], inputs[-1]
        atlas, places = self.atlas(*levels), self._to_atlas(boxes)
        pooled: Tensor = roi_align(
            atlas,
            with_image_index(places) if batch_is_dynamic() else list(places.unbind(0)),
            self.size,
            sampling_ratio=self.sampling,
            aligned=True,
        )
        return pooled

    def _to_atlas(self, boxes: Tensor) -> Tensor:
        """Return boxes ``(n, r, 4)`` in pixels of the atlas."""
        if not self.has_levels:
            return boxes * self.scale
        roots = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).sqrt()
        side = (roots[..., 0] * roots[..., 1]).unsqueeze(-1)  # an area exceeds what fp16 holds
        level = (side >= self.min_sides).sum(-1)  # FPN, eq. 1, without a logarithm
        place = look_up(self.places, level)
        origin, scale = place[..., :2], place[..., 2:]
        return boxes * scale + torch.cat((origin, origin), -1)


def _min_sides(spec: ModuleSpec, strides: tuple[int, ...]) -> Tensor:
    """Return the least root of a box's area of each level but the finest, in pixels."""
    canonical, level = spec.get_int("canonical_size"), spec.get_int("canonical_level")
    finest = strides[0].bit_length() - 1
    sides = [canonical * 2.0 ** (finest + i - level) for i in range(1, len(strides))]
    return torch.tensor([side * 2**-LEVEL_EPSILON for side in sides])


def _widened(maps: Tensor, width: int, wanted: int) -> Tensor:
    """Widen maps ``(n, c, h, width)``: their edge comes once more, then anything.

    By concatenation, after which engines keep channels last; they do not when columns are picked.
    """
    if wanted == width:
        return maps
    whole, rest = divmod(wanted - width - 1, width)
    fill = (*[maps] * whole, *[maps[..., :rest]] * (rest > 0))
    return torch.cat((maps, maps[..., -1:], *fill), 3)


def _clamped(start: int, stop: int, size: int) -> Tensor:
    """Return the indices ``start..stop - 1``, those outside of ``0..size - 1`` moved inside."""
    return torch.tensor([min(max(row, 0), size - 1) for row in range(start, stop)])


MODULES = {"roi_align": RoiAlign}
