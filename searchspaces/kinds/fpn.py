"""The feature pyramid network (Lin et al., CVPR 2017)."""

from __future__ import annotations

from ..errors import ModuleSpecError
from ..modules import ModuleSpec, TensorSpec
from .base import (
    NORMS_OR_NONE,
    Cost,
    ModuleKind,
    activation,
    check_choice,
    check_maps,
    conv,
    conv_norm,
    convolved,
    pixels_of,
    total,
)

EXTRAS = ("none", "pool", "conv")
"""How coarser levels are made: not at all, by stride-2 subsampling, by stride-2 convolutions."""


def fpn_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return one ``out_channels`` map per input level, finest first, then the extra levels."""
    _check_fpn(spec)
    return level_maps(spec)


def level_maps(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return a map for every input and every extra level, each of these half the one before."""
    out = spec.get_int("out_channels")
    maps = [TensorSpec((t.shape[0], out, *t.shape[2:])) for t in spec.inputs]
    for _ in range(spec.get_int("extra_levels")):
        maps.append(convolved(maps[-1], out, 3, 2))
    return tuple(maps)


def fpn_cost(spec: ModuleSpec) -> Cost:
    """Count lateral 1x1 and output 3x3 convolutions and the convolutions of extra levels."""
    maps = fpn_outputs(spec)
    out = spec.get_int("out_channels")
    normed = spec.get_str("norm") != "none"
    costs = []
    for tensor, target in zip(spec.inputs, maps, strict=False):
        pixels = pixels_of(target)
        costs += [
            conv_norm(tensor.shape[1], out, 1, pixels, normed=normed, active=False),
            conv_norm(out, out, 3, pixels, normed=normed, active=False),
        ]
    if spec.get_str("extra") == "conv":
        added = maps[len(spec.inputs) :]
        costs += [conv(out, out, 3, pixels_of(t), bias=1) for t in added]
        costs += [activation(out, pixels_of(t)) for t in added[:-1]]  # before the next one
    return total(*costs)


def _check_fpn(spec: ModuleSpec) -> None:
    check_choice(spec, "extra", EXTRAS)
    extra, levels = spec.get_str("extra"), spec.get_int("extra_levels")
    if levels < 0 or (levels == 0) != (extra == "none"):
        raise ModuleSpecError(
            "fpn.extra_levels is at least 0, and 0 exactly where fpn.extra is none, got "
            f"{levels} and {extra!r}"
        )
    check_choice(spec, "norm", NORMS_OR_NONE)
    check_maps(spec, spec.get_ints("in_channels"))


KINDS = {"fpn": ModuleKind(fpn_outputs, fpn_cost)}
