"""Stem, basic block and bottleneck of ResNet and ResNeXt.

Source: ResNet (He et al., CVPR 2016); ResNeXt (Xie et al., CVPR 2017); laid out as torchvision's,
whose weights they take.
"""

from __future__ import annotations

from torch import Tensor, nn

from searchspaces import ModuleSpec

from .layers import conv_norm
from .residual import damp_residual


class ResNetStem(nn.Module):
    """Run a 7x7 convolution and a 3x3 max-pooling, both of stride 2.

    Args:
        spec: A ``resnet_stem``; see :data:`searchspaces.KINDS`.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        c_in, c_out = spec.get_int("in_channels"), spec.get_int("out_channels")
        self.conv = conv_norm(c_in, c_out, 7, 2, norm=spec.get_str("norm"))
        self.pool = nn.MaxPool2d(3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(n, in_channels, h, w)`` to ``(n, out_channels, h / 4, w / 4)``."""
        pooled: Tensor = self.pool(self.conv(x))
        return pooled


class BasicBlock(nn.Module):
    """Add two 3x3 convolutions to the shortcut; the second one is dilated, as in CR-NAS.

    Args:
        spec: A ``basic_block``; see :data:`searchspaces.KINDS`.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        c_in, c_out = spec.get_int("in_channels"), spec.get_int("out_channels")
        norm = spec.get_str("norm")
        self.first = conv_norm(c_in, c_out, 3, spec.get_int("stride"), norm=norm)
        self.second = conv_norm(
            c_out, c_out, 3, dilation=spec.get_int("dilation"), norm=norm, activation="none"
        )
        damp_residual(self.second)
        self.shortcut = shortcut(spec)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(n, in_channels, h, w)`` to ``(n, out_channels, h / stride, w / stride)``."""
        out: Tensor = self.relu(self.second(self.first(x)) + self.shortcut(x))
        return out


class Bottleneck(nn.Module):
    """Add 1x1, (grouped, dilated) 3x3 and 1x1 convolution to the shortcut.

    Args:
        spec: A ``bottleneck``; see :data:`searchspaces.KINDS`.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        c_in, c_out = spec.get_int("in_channels"), spec.get_int("out_channels")
        mid, norm = spec.get_int("mid_channels"), spec.get_str("norm")
        self.reduce = conv_norm(c_in, mid, 1, norm=norm)
        self.spatial = conv_norm(
            mid,
            mid,
            3,
            spec.get_int("stride"),
            groups=spec.get_int("groups"),
            dilation=spec.get_int("dilation"),
            norm=norm,
        )
        self.expand = conv_norm(mid, c_out, 1, norm=norm, activation="none")
        damp_residual(self.expand)
        self.shortcut = shortcut(spec)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(n, in_channels, h, w)`` to ``(n, out_channels, h / stride, w / stride)``."""
        branch = self.expand(self.spatial(self.reduce(x)))
        out: Tensor = self.relu(branch + self.shortcut(x))
        return out


def shortcut(spec: ModuleSpec) -> nn.Module:
    """Return the 1x1 convolution that fits the input to the sum, where shapes differ."""
    c_in, c_out = spec.get_int("in_channels"), spec.get_int("out_channels")
    stride = spec.get_int("stride")
    if stride == 1 and c_in == c_out:
        return nn.Identity()
    return conv_norm(c_in, c_out, 1, stride, norm=spec.get_str("norm"), activation="none")


MODULES = {"resnet_stem": ResNetStem, "basic_block": BasicBlock, "bottleneck": Bottleneck}
