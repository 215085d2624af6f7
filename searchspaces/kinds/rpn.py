"""Region proposal kinds: the RPN head and proposal selection (Ren et al., NeurIPS 2015)."""

from __future__ import annotations

from ..errors import ModuleSpecError
from ..modules import ModuleSpec, TensorSpec
from .anchors import anchors_per_level
from .base import Cost, ModuleKind, activation, check_maps, conv, pixels_of, total


def rpn_head_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return objectness logits ``(n, anchors)`` and box deltas ``(n, anchors, 4)``."""
    check_maps(spec, [spec.get_int("channels")] * len(spec.inputs))
    batch, each = spec.inputs[0].shape[0], spec.get_int("num_anchors")
    anchors = sum(pixels_of(t) // batch for t in spec.inputs) * each
    return TensorSpec((batch, anchors)), TensorSpec((batch, anchors, 4))


def rpn_head_cost(spec: ModuleSpec) -> Cost:
    """Count a 3x3 convolution and the two 1x1 predictors, shared by all levels."""
    _ = rpn_head_outputs(spec)  # checks the specification
    channels, each = spec.get_int("channels"), spec.get_int("num_anchors")
    pixels = sum(map(pixels_of, spec.inputs))
    return total(
        conv(channels, channels, 3, pixels, bias=1),
        activation(channels, pixels),
        conv(channels, each, 1, pixels, bias=1),
        conv(channels, 4 * each, 1, pixels, bias=1),
    )


def proposals_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return boxes ``(n, post_nms, 4)``, zero padded, and their count ``(n,)``."""
    anchors = sum(anchors_per_level(spec))
    batch = spec.inputs[0].shape[0]
    expected = (TensorSpec((batch, anchors)), TensorSpec((batch, anchors, 4)))
    if spec.inputs != expected:
        raise ModuleSpecError(
            f"proposals over {anchors} anchors takes {', '.join(map(str, expected))}, got "
            f"{', '.join(map(str, spec.inputs))}"
        )
    post = spec.get_int("post_nms")
    return TensorSpec((batch, post, 4)), TensorSpec((batch,), "int64")


def no_cost(spec: ModuleSpec) -> Cost:
    """Count nothing: the module has neither convolutions nor linear layers nor parameters."""
    return Cost()


KINDS = {
    "rpn_head": ModuleKind(rpn_head_outputs, rpn_head_cost),
    "proposals": ModuleKind(proposals_outputs, no_cost),
}
