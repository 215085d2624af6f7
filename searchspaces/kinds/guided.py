"""Guided anchoring kinds: the head and proposal selection (Wang et al., CVPR 2019)."""

from __future__ import annotations

from ..errors import ModuleSpecError
from ..modules import ModuleSpec, TensorSpec
from .anchors import anchors_per_cell, level_sizes
from .base import Cost, ModuleKind, activation, check_maps, conv, pixels_of, total
from .rpn import no_cost

SIDES = 2  # width and height: what the head predicts of an anchor's shape
BOX = 4
OFFSETS = 2 * 3 * 3  # a shift down and right for each tap of a 3x3 filter


def _given(batch: int, cells: int) -> tuple[TensorSpec, ...]:
    """Return location, shape, objectness and box of one anchor per cell."""
    one = TensorSpec((batch, cells))
    return one, TensorSpec((batch, cells, SIDES)), one, TensorSpec((batch, cells, BOX))


def guided_rpn_head_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return what the head says of every cell of all levels, finest first.

    Logits of the location ``(n, cells)``, changes of the anchor's shape ``(n, cells, 2)``,
    objectness logits ``(n, cells)`` and box deltas ``(n, cells, 4)``.
    """
    channels, groups = spec.get_int("channels"), spec.get_int("deform_groups")
    check_maps(spec, [channels] * len(spec.inputs))
    if groups < 1 or channels % groups:
        raise ModuleSpecError(
            f"guided_rpn_head: deform_groups must divide the {channels} channels, got {groups}"
        )
    batch = spec.inputs[0].shape[0]
    return _given(batch, sum(pixels_of(t) // batch for t in spec.inputs))


def guided_rpn_head_cost(spec: ModuleSpec) -> Cost:
    """Count a 3x3 convolution, a deformable one and five 1x1 layers, shared by all levels.

    Interpolating the deformable convolution's input is neither a multiply-add of a weight nor
    counted by the papers' tools.
    """
    _ = guided_rpn_head_outputs(spec)  # checks the specification
    channels, groups = spec.get_int("channels"), spec.get_int("deform_groups")
    pixels = sum(map(pixels_of, spec.inputs))
    return total(
        conv(channels, channels, 3, pixels, bias=1),
        activation(channels, pixels),
        conv(channels, 1, 1, pixels, bias=1),  # location
        conv(channels, SIDES, 1, pixels, bias=1),  # shape
        conv(SIDES, groups * OFFSETS, 1, pixels),  # offsets, from the shape
        conv(channels, channels, 3, pixels),  # deformable
        activation(channels, pixels),
        conv(channels, 1, 1, pixels, bias=1),  # objectness
        conv(channels, BOX, 1, pixels, bias=1),
    )


def guided_proposals_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return boxes ``(n, post_nms, 4)``, zero padded, and their count ``(n,)``."""
    _check_geometry(spec)
    batch, cells = spec.inputs[0].shape[0], sum(h * w for h, w in level_sizes(spec))
    expected = _given(batch, cells)
    if spec.inputs != expected:
        raise ModuleSpecError(
            f"guided_proposals over {cells} cells takes {', '.join(map(str, expected))}, got "
            f"{', '.join(map(str, spec.inputs))}"
        )
    return TensorSpec((batch, spec.get_int("post_nms"), BOX)), TensorSpec((batch,), "int64")


def _check_geometry(spec: ModuleSpec) -> None:
    if anchors_per_cell(spec) != 1 or spec.get_floats("ratios") != (1.0,):
        raise ModuleSpecError(
            "guided_proposals reshapes one square per cell: anchor_scales holds one value and "
            f"ratios 1, got {spec.get_str('anchor_scales')} and {spec.get_str('ratios')}"
        )
    if not 0 <= spec.get_float("loc_threshold") <= 1:
        raise ModuleSpecError(
            "guided_proposals.loc_threshold is a probability in 0..1, got "
            f"{spec.get_float('loc_threshold')}"
        )


KINDS = {
    "guided_rpn_head": ModuleKind(guided_rpn_head_outputs, guided_rpn_head_cost),
    "guided_proposals": ModuleKind(guided_proposals_outputs, no_cost),
}
