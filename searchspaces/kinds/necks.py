"""Neck kinds: the feature pyramid network (Lin et al., CVPR 2017)."""

from __future__ import annotations

from ..modules import ModuleSpec, TensorSpec
from .base import (
    NORMS,
    Cost,
    ModuleKind,
    activation,
    check_choice,
    check_maps,
    conv,
    norm,
    out_size,
    pixels_of,
    total,
)

EXTRAS = {"none": 0, "pool": 1, "p6p7": 2}
"""Coarser levels that are added: none, one by stride-2 subsampling, two by stride-2 convs."""


def fpn_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return one ``out_channels`` map per input level, finest first, then the extra levels."""
    _check_fpn(spec)
    out = spec.get_int("out_channels")
    maps = [TensorSpec((t.shape[0], out, *t.shape[2:])) for t in spec.inputs]
    for _ in range(EXTRAS[spec.get_str("extra")]):
        batch, _, height, width = maps[-1].shape
        maps.append(TensorSpec((batch, out, out_size(height, 3, 2), out_size(width, 3, 2))))
    return tuple(maps)


def fpn_cost(spec: ModuleSpec) -> Cost:
    """Count lateral 1x1 and output 3x3 convolutions and the convolutions of P6 and P7."""
    maps = fpn_outputs(spec)
    out = spec.get_int("out_channels")
    normed = spec.get_str("norm") != "none"
    costs = []
    for tensor, target in zip(spec.inputs, maps, strict=False):
        pixels = pixels_of(target)
        for c_in, kernel in ((tensor.shape[1], 1), (out, 3)):
            costs.append(conv(c_in, out, kernel, pixels, bias=0 if normed else 1))
            costs.append(norm(out, pixels) if normed else Cost())
    if spec.get_str("extra") == "p6p7":
        costs += [conv(out, out, 3, pixels_of(t), bias=1) for t in maps[-2:]]
        costs.append(activation(out, pixels_of(maps[-2])))
    return total(*costs)


def _check_fpn(spec: ModuleSpec) -> None:
    check_choice(spec, "extra", tuple(EXTRAS))
    check_choice(spec, "norm", NORMS)
    check_maps(spec, spec.get_ints("in_channels"))


KINDS = {"fpn": ModuleKind(fpn_outputs, fpn_cost)}
