"""The feature pyramid network (Lin et al., CVPR 2017): torchvision's, with positional maps."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import ExtraFPNBlock

from searchspaces import ModuleSpec

from .layers import NORMS, standardize_weights


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
            extra_blocks=_extra(spec),
            norm_layer=NORMS[spec.get_str("norm")],
        )
        for normed in (self.pyramid.inner_blocks, self.pyramid.layer_blocks):
            standardize_weights(normed, spec.get_str("norm"))  # extra levels are not normed

    def forward(self, *maps: Tensor) -> tuple[Tensor, ...]:
        """Map ``(n, c_i, h_i, w_i)`` to ``(n, out_channels, h_i, w_i)``, then the extra levels."""
        named = OrderedDict((str(index), x) for index, x in enumerate(maps))
        return tuple(self.pyramid(named).values())


class ExtraLevels(ExtraFPNBlock):  # type: ignore[misc]  # torchvision leaves it untyped
    """Add coarser levels, each made of the one before it by a stride-2 step.

    Args:
        steps: One module per level; the first takes the coarsest level of the pyramid.
    """

    def __init__(self, steps: list[nn.Module]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(steps)

    def forward(
        self, results: list[Tensor], x: list[Tensor], names: list[str]
    ) -> tuple[list[Tensor], list[str]]:
        """Append levels and their names; torchvision passes the backbone's maps as ``x``."""
        for index, step in enumerate(self.steps):
            results.append(step(results[-1]))
            names.append(f"extra_{index}")
        return results, names


def _extra(spec: ModuleSpec) -> ExtraLevels | None:
    count, out = spec.get_int("extra_levels"), spec.get_int("out_channels")
    if not count:
        return None
    if spec.get_str("extra") == "pool":
        # Not a maximum over a window: FPN takes every second pixel.
        return ExtraLevels([nn.MaxPool2d(1, stride=2) for _ in range(count)])
    return ExtraLevels([_step(out, relu=index > 0) for index in range(count)])


def _step(channels: int, *, relu: bool) -> nn.Sequential:
    """Return RetinaNet's step to a coarser level: ReLU before all but the first."""
    conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
    nn.init.kaiming_uniform_(conv.weight, a=1)  # as torchvision's FPN
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]  # it has one
    return nn.Sequential(nn.ReLU(), conv) if relu else nn.Sequential(conv)


MODULES = {"fpn": Fpn}
