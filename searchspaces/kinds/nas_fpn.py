"""The neck that NAS-FPN found (Ghiasi, Lin and Le, CVPR 2019): merging cells, stacked."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ModuleSpecError
from ..modules import ModuleSpec, TensorSpec
from .base import (
    NORMS_OR_NONE,
    Cost,
    ModuleKind,
    check_choice,
    check_maps,
    conv_norm,
    convolved,
    pixels_of,
    total,
)
from .fpn import level_maps

LEVELS = 5
_FINEST = 3  # the cells' names speak of P3..P7


@dataclass(frozen=True, slots=True)
class MergingCell:
    """Merge two maps into one: both are brought to the size of the result's level, then joined.

    Maps are named as in the paper: ``p3`` is the finest level, ``p4_1`` an intermediate map of
    the next one.

    Attributes:
        op: ``sum``, or ``gp``: the second map plus the first times the sigmoid of the second's
            mean over all pixels.
        first: Map that is taken.
        second: Map that is taken, and attended to.
        result: Map that is made.
        convolves: Whether ReLU, a 3x3 convolution and a normalisation follow.
    """

    op: str
    first: str
    second: str
    result: str
    convolves: bool = True

    @property
    def name(self) -> str:
        """Return the literature's name, such as ``gp_64_4``."""
        return f"{self.op}_{self.first[1]}{self.second[1]}_{self.result[1]}"

    @property
    def levels(self) -> tuple[int, int, int]:
        """Return the indices of the levels of both maps and of the result; 0 is the finest."""
        return _level(self.first), _level(self.second), _level(self.result)


NAS_FPN_CELLS = (
    MergingCell("gp", "p6", "p4", "p4_1"),
    MergingCell("sum", "p4_1", "p4", "p4_2"),
    MergingCell("sum", "p4_2", "p3", "p3"),
    MergingCell("sum", "p3", "p4_2", "p4"),
    MergingCell("gp", "p4", "p3", "p5_1", convolves=False),
    MergingCell("sum", "p5", "p5_1", "p5"),
    MergingCell("gp", "p5", "p4_2", "p7_1", convolves=False),
    MergingCell("sum", "p7", "p7_1", "p7"),
    MergingCell("gp", "p7", "p5", "p6"),
)
"""The cells of one stack, in running order; the next stack takes the maps they leave."""


def nas_fpn_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return five ``out_channels`` maps, finest first, each half the size of the one before."""
    _check_nas_fpn(spec)
    return level_maps(spec)


def nas_fpn_cost(spec: ModuleSpec) -> Cost:
    """Count lateral and extra 1x1 convolutions and the cells' 3x3 convolutions.

    An extra level's convolution runs before the pooling, at the size of the level before. The
    sigmoid of a pooled vector is not counted.
    """
    maps = nas_fpn_outputs(spec)
    out, normed = spec.get_int("out_channels"), spec.get_str("norm") != "none"

    def lateral(tensor: TensorSpec) -> Cost:
        pixels = pixels_of(tensor)
        return conv_norm(tensor.shape[1], out, 1, pixels, normed=normed, active=False)

    laterals = map(lateral, spec.inputs)
    extras = map(lateral, maps[len(spec.inputs) - 1 : -1])
    merged = [maps[cell.levels[2]] for cell in NAS_FPN_CELLS if cell.convolves]
    cells = [conv_norm(out, out, 3, pixels_of(t), normed=normed) for t in merged]
    return total(*laterals, *extras, *(cells * spec.get_int("cells")))


def _level(name: str) -> int:
    return int(name[1]) - _FINEST


def _check_nas_fpn(spec: ModuleSpec) -> None:
    check_choice(spec, "norm", NORMS_OR_NONE)
    check_maps(spec, spec.get_ints("in_channels"))
    extra = spec.get_int("extra_levels")
    if extra < 0 or len(spec.inputs) + extra != LEVELS:
        raise ModuleSpecError(
            f"nas_fpn has {LEVELS} levels, so its maps and nas_fpn.extra_levels must add up to "
            f"{LEVELS}; got {len(spec.inputs)} maps and {extra}"
        )
    if spec.get_int("cells") < 1:
        raise ModuleSpecError(f"nas_fpn.cells must be at least 1, got {spec.get_int('cells')}")
    for finer, coarser in zip(spec.inputs, spec.inputs[1:], strict=False):
        if coarser.shape[2:] != convolved(finer, finer.shape[1], 3, 2).shape[2:]:
            raise ModuleSpecError(
                f"each map of nas_fpn is half the one before, rounded up; got {finer} and "
                f"then {coarser}"
            )


KINDS = {"nas_fpn": ModuleKind(nas_fpn_outputs, nas_fpn_cost)}
