"""Stem convolution and the ShuffleNetV2 blocks of DetNAS.

Source: DetNAS (Chen et al., NeurIPS 2019), table 1, laid out as in its released code; ShuffleNetV2
(Ma et al., ECCV 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from searchspaces import ModuleSpec

from .layers import conv_norm


class ShuffleBlock(nn.Module):
    """Compute on half of the channels (stride 1) or on two branches (stride 2).

    Stride 1 shuffles the channels and splits them: one half passes, the other goes through the
    branch. Stride 2 concatenates a projection of the input with the branch; the branch adds
    ``out_channels - in_channels``.

    Args:
        spec: A ``shuffle_block``; see :data:`searchspaces.KINDS`.
    """

    first: Tensor
    second: Tensor

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        c_in, c_out = spec.get_int("in_channels"), spec.get_int("out_channels")
        kernel, stride = spec.get_int("kernel"), spec.get_int("stride")
        self.even_odd = spec.get_str("shuffle") == "even_odd"
        norm = str(dict(spec.params).get("norm", "bn"))
        if stride == 1 and not self.even_odd:
            # (2, c / 2) channels transposed, then split in halves. As picked channels it is one
            # plain operator for every engine, and any input size works.
            order = torch.arange(c_in).reshape(2, c_in // 2).t().flatten()
            self.register_buffer("first", order[: c_in // 2], persistent=False)
            self.register_buffer("second", order[c_in // 2 :], persistent=False)
        self.projection: nn.Sequential | None = None
        if stride == 2:
            self.projection = nn.Sequential(
                conv_norm(c_in, c_in, kernel, 2, groups=c_in, norm=norm, activation="none"),
                conv_norm(c_in, c_in, 1, norm=norm),
            )
        ends = (c_in // 2, c_out // 2) if stride == 1 else (c_in, c_out - c_in)
        branch = _BRANCHES[spec.get_str("op")]
        self.branch = branch(*ends, spec.get_int("mid_channels"), kernel, stride, norm)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(n, in_channels, h, w)`` to ``(n, out_channels, h / stride, w / stride)``."""
        if self.projection is not None:
            return torch.cat((self.projection(x), self.branch(x)), 1)
        if self.even_odd:
            passed, x = x[:, 0::2], x[:, 1::2]
        else:
            passed, x = x.index_select(1, self.first), x.index_select(1, self.second)
        return torch.cat((passed, self.branch(x)), 1)


def conv_branch(
    c_in: int, c_out: int, mid: int, kernel: int, stride: int, norm: str = "bn"
) -> nn.Sequential:
    """Return pointwise, depthwise ``kernel`` x ``kernel`` and pointwise convolution."""
    return nn.Sequential(
        conv_norm(c_in, mid, 1, norm=norm),
        conv_norm(mid, mid, kernel, stride, groups=mid, norm=norm, activation="none"),
        conv_norm(mid, c_out, 1, norm=norm),
    )


def xception_branch(
    c_in: int, c_out: int, mid: int, kernel: int, stride: int, norm: str = "bn"
) -> nn.Sequential:
    """Return three separable 3x3 convolutions, the first of them strided."""
    layers: list[nn.Module] = []
    for source, target in ((c_in, mid), (mid, mid), (mid, c_out)):
        layers.append(
            conv_norm(source, source, 3, stride, groups=source, norm=norm, activation="none")
        )
        layers.append(conv_norm(source, target, 1, norm=norm))
        stride = 1
    return nn.Sequential(*layers)


def build_stem_conv(spec: ModuleSpec) -> nn.Module:
    """Return convolution, normalisation and activation."""
    return conv_norm(
        spec.get_int("in_channels"),
        spec.get_int("out_channels"),
        spec.get_int("kernel"),
        spec.get_int("stride"),
        bias=bool(spec.get_int("bias")),
        norm=spec.get_str("norm"),
        activation=spec.get_str("activation"),
    )


_BRANCHES = {"conv": conv_branch, "xception": xception_branch}

MODULES = {"stem_conv": build_stem_conv, "shuffle_block": ShuffleBlock}
