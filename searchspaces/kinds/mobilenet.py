"""The inverted residual of MobileNetV2.

Source: MobileNetV2 (Sandler et al., CVPR 2018), table 1.
"""

from __future__ import annotations

from ..modules import ModuleSpec, TensorSpec
from .base import Cost, ModuleKind, conv_norm, pixels_of, total
from .blocks import KERNEL, block_map, check_block


def inverted_residual_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return the block's map: same size at stride 1, half at stride 2."""
    check_block(spec, "hidden_channels", "out_channels")
    return (block_map(spec),)


def inverted_residual_cost(spec: ModuleSpec) -> Cost:
    """Count 1x1 expansion, 3x3 depthwise and linear 1x1 convolution.

    A block whose hidden width is its input's (expansion 1) has no expansion.
    """
    pixels = pixels_of(inverted_residual_outputs(spec)[0])
    c_in, hidden = spec.get_int("in_channels"), spec.get_int("hidden_channels")
    pixels_in = pixels_of(spec.inputs[0])
    return total(
        Cost() if hidden == c_in else conv_norm(c_in, hidden, 1, pixels_in),
        conv_norm(hidden, hidden, KERNEL, pixels, groups=hidden),
        conv_norm(hidden, spec.get_int("out_channels"), 1, pixels, active=False),
    )


KINDS = {"inverted_residual": ModuleKind(inverted_residual_outputs, inverted_residual_cost)}
