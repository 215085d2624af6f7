"""The feature pyramid network (Lin et al., CVPR 2017): torchvision's, with positional maps."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool, LastLevelP6P7

from searchspaces import ModuleSpec

from .layers import NORMS


class Fpn(nn.Module):
    """Turn backbone maps, finest first, into pyramid levels of one width.

    Args:
        spec: An ``fpn``; see :data:`searchspaces.KINDS`.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        out = spec.get_int("out_channels")
        self.pyramid = FeaturePyramidNetwork(
            list(spec.get_ints("in_channels")),
            out,
            extra_blocks=_EXTRAS[spec.get_str("extra")](out),
            norm_layer=NORMS[spec.get_str("norm")],
        )

    def forward(self, *maps: Tensor) -> tuple[Tensor, ...]:
        """Map ``(n, c_i, h_i, w_i)`` to ``(n, out_channels, h_i, w_i)``, then the extra levels."""
        named = OrderedDict((str(index), x) for index, x in enumerate(maps))
        return tuple(self.pyramid(named).values())


_EXTRAS: dict[str, Callable[[int], nn.Module | None]] = {
    "none": lambda _: None,
    "pool": lambda _: LastLevelMaxPool(),
    "p6p7": lambda channels: LastLevelP6P7(channels, channels),
}

MODULES = {"fpn": Fpn}
