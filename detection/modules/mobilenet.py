"""The inverted residual of MobileNetV2.

Source: MobileNetV2 (Sandler et al., CVPR 2018), table 1; laid out as torchvision's.
"""

from __future__ import annotations

from torch import Tensor, nn

from searchspaces import ModuleSpec

from .layers import conv_norm
from .residual import damp_residual


class InvertedResidual(nn.Module):
    """Widen, filter each channel, narrow linearly; add the input where shapes are equal.

    Args:
        spec: An ``inverted_residual``; see :data:`searchspaces.KINDS`.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        c_in, hidden = spec.get_int("in_channels"), spec.get_int("hidden_channels")
        c_out, stride, norm = (
            spec.get_int("out_channels"),
            spec.get_int("stride"),
            spec.get_str("norm"),
        )
        self.expand: nn.Module = nn.Identity()
        if hidden != c_in:
            self.expand = conv_norm(c_in, hidden, 1, norm=norm, activation="relu6")
        self.depthwise = conv_norm(
            hidden,
            hidden,
            3,
            stride,
            groups=hidden,
            dilation=spec.get_int("dilation"),
            norm=norm,
            activation="relu6",
        )
        self.project = conv_norm(hidden, c_out, 1, norm=norm, activation="none")
        self.residual = stride == 1 and c_in == c_out
        if self.residual:
            damp_residual(self.project)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(n, in_channels, h, w)`` to ``(n, out_channels, h / stride, w / stride)``."""
        out: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + out if self.residual else out


MODULES = {"inverted_residual": InvertedResidual}
