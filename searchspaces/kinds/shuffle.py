"""The stem convolution and the ShuffleNetV2 blocks of DetNAS.

Source: DetNAS (Chen et al., NeurIPS 2019), table 1; block layout after ShuffleNetV2 (Ma et al.,
ECCV 2018) as released with DetNAS.
"""

from __future__ import annotations

from ..errors import ModuleSpecError
from ..modules import ModuleSpec, TensorSpec
from .base import (
    ACTIVATIONS,
    NORMS,
    Cost,
    ModuleKind,
    activation,
    check_choice,
    check_maps,
    conv,
    conv_norm,
    convolved,
    norm,
    pixels_of,
    total,
)

OPS = ("conv", "xception")
SHUFFLES = ("interleave", "even_odd")
"""Channel shuffles of the released supernet and of the released networks."""


def stem_conv_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return the map that a padded convolution gives."""
    check_choice(spec, "norm", NORMS)
    check_choice(spec, "activation", ACTIVATIONS)
    return (_strided(spec, spec.get_int("kernel")),)


def stem_conv_cost(spec: ModuleSpec) -> Cost:
    """Count convolution, normalisation and activation."""
    out = spec.get_int("out_channels")
    pixels = pixels_of(stem_conv_outputs(spec)[0])
    return total(
        conv(
            spec.get_int("in_channels"),
            out,
            spec.get_int("kernel"),
            pixels,
            bias=spec.get_int("bias"),
        ),
        norm(out, pixels),
        activation(out, pixels),
    )


def shuffle_block_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return the block's map: same size at stride 1, half at stride 2."""
    _check_shuffle_block(spec)
    return (_strided(spec, spec.get_int("kernel")),)


def shuffle_block_cost(spec: ModuleSpec) -> Cost:
    """Count both branches.

    Stride 1 splits the channels and computes on one half; stride 2 computes on both branches:
    the projection (depthwise, pointwise) keeps the input's width, the main branch adds the rest.
    """
    out = shuffle_block_outputs(spec)[0]
    stride = spec.get_int("stride")
    in_channels, out_channels = spec.get_int("in_channels"), spec.get_int("out_channels")
    pixels, pixels_in = pixels_of(out), pixels_of(spec.inputs[0])
    if stride == 1:
        return _branch(spec, in_channels // 2, out_channels // 2, pixels, pixels)
    projection = total(
        _depthwise(in_channels, spec.get_int("kernel"), pixels),
        conv_norm(in_channels, in_channels, 1, pixels),
    )
    return projection + _branch(spec, in_channels, out_channels - in_channels, pixels_in, pixels)


def has_own_norm(spec: ModuleSpec) -> bool:
    """Return whether a block names its normalisation; without a name it is ``bn``."""
    return any(name == "norm" for name, _ in spec.params)


def _branch(spec: ModuleSpec, c_in: int, c_out: int, pixels_in: int, pixels: int) -> Cost:
    mid, kernel = spec.get_int("mid_channels"), spec.get_int("kernel")
    if spec.get_str("op") == "conv":
        return total(
            conv_norm(c_in, mid, 1, pixels_in),
            _depthwise(mid, kernel, pixels),
            conv_norm(mid, c_out, 1, pixels),
        )
    steps = ((c_in, mid), (mid, mid), (mid, c_out))
    return total(*(_depthwise(a, 3, pixels) + conv_norm(a, b, 1, pixels) for a, b in steps))


def _depthwise(channels: int, kernel: int, pixels: int) -> Cost:
    return conv_norm(channels, channels, kernel, pixels, groups=channels, active=False)


def _check_shuffle_block(spec: ModuleSpec) -> None:
    stride = spec.get_int("stride")
    in_channels, out_channels = spec.get_int("in_channels"), spec.get_int("out_channels")
    check_choice(spec, "op", OPS)
    check_choice(spec, "shuffle", SHUFFLES)
    if has_own_norm(spec):
        check_choice(spec, "norm", NORMS)
    kernel, mid = spec.get_int("kernel"), spec.get_int("mid_channels")
    if kernel % 2 == 0 or (spec.get_str("op") == "xception" and kernel != 3):
        raise ModuleSpecError(
            f"shuffle_block.kernel must be odd, and 3 where op is xception; got {kernel}"
        )
    if mid < 1:
        raise ModuleSpecError(f"shuffle_block.mid_channels must be at least 1, got {mid}")
    if stride == 1 and (in_channels != out_channels or in_channels % 4):
        raise ModuleSpecError(
            f"a stride-1 shuffle_block keeps its channels, a multiple of 4; "
            f"got {in_channels} -> {out_channels}"
        )
    if stride not in (1, 2) or (stride == 2 and out_channels <= in_channels):
        raise ModuleSpecError(
            f"a shuffle_block has stride 1, or 2 and more channels out than in; got stride "
            f"{stride}, {in_channels} -> {out_channels}"
        )


def _strided(spec: ModuleSpec, kernel: int) -> TensorSpec:
    check_maps(spec, [spec.get_int("in_channels")])
    stride = spec.get_int("stride")
    if kernel < 1 or stride < 1:
        raise ModuleSpecError(
            f"{spec.kind} has kernel and stride of at least 1, got {kernel} and {stride}"
        )
    return convolved(spec.inputs[0], spec.get_int("out_channels"), kernel, stride)


KINDS = {
    "stem_conv": ModuleKind(stem_conv_outputs, stem_conv_cost),
    "shuffle_block": ModuleKind(shuffle_block_outputs, shuffle_block_cost),
}
