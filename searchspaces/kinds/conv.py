"""One convolution with bias: what tables of single operators are keyed by.

Such tables, like the op profiler library of alibaba/lightweight-neural-architecture-search, hold
one row per convolution as the runtime fuses it: folded normalisation is the bias, and a residual
sum may be part of the kernel.
"""

from __future__ import annotations

from ..errors import ModuleSpecError
from ..modules import ModuleSpec, TensorSpec
from .base import Cost, ModuleKind, check_maps, conv, convolved, pixels_of

_AT_LEAST_1 = ("in_channels", "out_channels", "kernel", "stride", "groups", "dilation")


def conv_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return the map that a padded convolution gives; with ``fused_add`` a second map is added."""
    _check(spec)
    widths = [spec.get_int("in_channels"), spec.get_int("out_channels")]
    added = spec.get_int("fused_add")
    check_maps(spec, widths[: 1 + added])
    out = convolved(spec.inputs[0], widths[1], spec.get_int("kernel"), spec.get_int("stride"))
    if added and spec.inputs[1].shape != out.shape:
        raise ModuleSpecError(
            f"conv.fused_add adds a map of the output's shape {out}, got {spec.inputs[1]}"
        )
    return (out,)


def conv_cost(spec: ModuleSpec) -> Cost:
    """Count the convolution; the sum is free by the convention, as in residual blocks."""
    return conv(
        spec.get_int("in_channels"),
        spec.get_int("out_channels"),
        spec.get_int("kernel"),
        pixels_of(conv_outputs(spec)[0]),
        groups=spec.get_int("groups"),
        bias=1,
    )


def _check(spec: ModuleSpec) -> None:
    for name in _AT_LEAST_1:
        if spec.get_int(name) < 1:
            raise ModuleSpecError(f"conv.{name} must be at least 1, got {spec.get_int(name)}")
    if spec.get_int("kernel") % 2 == 0:
        raise ModuleSpecError(f"conv.kernel must be odd, got {spec.get_int('kernel')}")
    groups = spec.get_int("groups")
    for name in ("in_channels", "out_channels"):
        if spec.get_int(name) % groups:
            raise ModuleSpecError(
                f"conv.groups must divide {name}={spec.get_int(name)}, got groups={groups}"
            )
    if spec.get_int("fused_add") not in (0, 1):
        raise ModuleSpecError(f"conv.fused_add must be 0 or 1, got {spec.get_int('fused_add')}")


KINDS = {"conv": ModuleKind(conv_outputs, conv_cost)}
