"""One convolution with bias, as tables of single operators name it."""

from __future__ import annotations

from torch import Tensor, nn

from searchspaces import ModuleSpec

from .layers import init_conv


class Conv(nn.Module):
    """Convolve, padded so that stride 1 keeps the size; add a second map where asked for.

    Args:
        spec: A ``conv``; see :data:`searchspaces.KINDS`.
    """

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__()
        kernel, dilation = spec.get_int("kernel"), spec.get_int("dilation")
        self.conv = nn.Conv2d(
            spec.get_int("in_channels"),
            spec.get_int("out_channels"),
            kernel,
            spec.get_int("stride"),
            padding=dilation * (kernel // 2),
            dilation=dilation,
            groups=spec.get_int("groups"),
        )
        init_conv(self.conv, gain=1.0)

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        """Map ``(n, in_channels, h, w)`` to ``(n, out_channels, h / stride, w / stride)``.

        Args:
            x: The map to convolve.
            added: A map of the output's shape; given where the specification has ``fused_add``.
        """
        out: Tensor = self.conv(x)
        return out if added is None else out + added


MODULES = {"conv": Conv}
