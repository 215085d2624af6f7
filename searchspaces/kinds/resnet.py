"""Stem, basic block and bottleneck of ResNet and ResNeXt.

Source: ResNet (He et al., CVPR 2016), table 1; ResNeXt (Xie et al., CVPR 2017), table 1. The
stride stands on the 3x3 convolution, as in torchvision's weights and all three papers' code;
dilations as in CR-NAS (Liang et al., ICLR 2020), convolution reallocation.
"""

from __future__ import annotations

from ..errors import ModuleSpecError
from ..modules import ModuleSpec, TensorSpec
from .base import (
    NORMS,
    Cost,
    ModuleKind,
    check_choice,
    check_maps,
    conv_norm,
    convolved,
    pixels_of,
    total,
)
from .blocks import KERNEL, block_map, check_block

STEM_KERNEL = 7


def resnet_stem_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return the map at stride 4: a 7x7 convolution, then a 3x3 max-pooling, both of stride 2."""
    return (convolved(_before_pooling(spec), spec.get_int("out_channels"), KERNEL, 2),)


def resnet_stem_cost(spec: ModuleSpec) -> Cost:
    """Count convolution, normalisation and activation; pooling is free by the convention."""
    pixels = pixels_of(_before_pooling(spec))
    return conv_norm(
        spec.get_int("in_channels"), spec.get_int("out_channels"), STEM_KERNEL, pixels
    )


def basic_block_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return the block's map: same size at stride 1, half at stride 2."""
    check_block(spec, "out_channels")
    return (block_map(spec),)


def basic_block_cost(spec: ModuleSpec) -> Cost:
    """Count two 3x3 convolutions and the shortcut."""
    pixels = pixels_of(basic_block_outputs(spec)[0])
    c_in, c_out = spec.get_int("in_channels"), spec.get_int("out_channels")
    return total(
        conv_norm(c_in, c_out, KERNEL, pixels),
        conv_norm(c_out, c_out, KERNEL, pixels),
        _shortcut(spec, pixels),
    )


def bottleneck_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return the block's map: same size at stride 1, half at stride 2."""
    check_block(spec, "mid_channels", "out_channels", "groups")
    mid, groups = spec.get_int("mid_channels"), spec.get_int("groups")
    if mid % groups:
        raise ModuleSpecError(
            f"bottleneck.groups must divide mid_channels={mid}, got groups={groups}"
        )
    return (block_map(spec),)


def bottleneck_cost(spec: ModuleSpec) -> Cost:
    """Count 1x1, (grouped) 3x3 and 1x1 convolution and the shortcut."""
    pixels = pixels_of(bottleneck_outputs(spec)[0])
    mid = spec.get_int("mid_channels")
    return total(
        conv_norm(spec.get_int("in_channels"), mid, 1, pixels_of(spec.inputs[0])),
        conv_norm(mid, mid, KERNEL, pixels, groups=spec.get_int("groups")),
        conv_norm(mid, spec.get_int("out_channels"), 1, pixels),
        _shortcut(spec, pixels),
    )


def _shortcut(spec: ModuleSpec, pixels: int) -> Cost:
    """Count the 1x1 convolution that fits the input to the sum, where shapes differ."""
    c_in, c_out = spec.get_int("in_channels"), spec.get_int("out_channels")
    if spec.get_int("stride") == 1 and c_in == c_out:
        return Cost()
    return conv_norm(c_in, c_out, 1, pixels, active=False)


def _before_pooling(spec: ModuleSpec) -> TensorSpec:
    check_choice(spec, "norm", NORMS)
    check_maps(spec, [spec.get_int("in_channels")])
    return convolved(spec.inputs[0], spec.get_int("out_channels"), STEM_KERNEL, 2)


KINDS = {
    "resnet_stem": ModuleKind(resnet_stem_outputs, resnet_stem_cost),
    "basic_block": ModuleKind(basic_block_outputs, basic_block_cost),
    "bottleneck": ModuleKind(bottleneck_outputs, bottleneck_cost),
}
