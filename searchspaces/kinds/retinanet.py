"""One-stage kinds: the RetinaNet head and its final detections (Lin et al., ICCV 2017)."""

from __future__ import annotations

from ..errors import ModuleSpecError
from ..modules import ModuleSpec, TensorSpec
from .anchors import anchors_per_level
from .base import (
    NORMS,
    Cost,
    ModuleKind,
    activation,
    check_choice,
    check_maps,
    conv,
    norm,
    pixels_of,
    total,
)
from .rcnn import detections_outputs
from .rpn import no_cost


def retinanet_head_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return class logits ``(n, anchors, classes)`` and box deltas ``(n, anchors, 4)``."""
    check_maps(spec, [spec.get_int("channels")] * len(spec.inputs))
    check_choice(spec, "norm", NORMS)
    batch, each = spec.inputs[0].shape[0], spec.get_int("num_anchors")
    anchors = sum(pixels_of(t) // batch for t in spec.inputs) * each
    return (
        TensorSpec((batch, anchors, spec.get_int("num_classes"))),
        TensorSpec((batch, anchors, 4)),
    )


def retinanet_head_cost(spec: ModuleSpec) -> Cost:
    """Count the two towers and their predictors, shared by all levels."""
    _ = retinanet_head_outputs(spec)  # checks the specification
    channels, each = spec.get_int("channels"), spec.get_int("num_anchors")
    normed = spec.get_str("norm") != "none"
    pixels = sum(map(pixels_of, spec.inputs))
    layer = total(
        conv(channels, channels, 3, pixels, bias=0 if normed else 1),
        norm(channels, pixels) if normed else Cost(),
        activation(channels, pixels),
    )
    predictors = (
        conv(channels, each * spec.get_int("num_classes"), 3, pixels, bias=1),
        conv(channels, each * 4, 3, pixels, bias=1),
    )
    return total(*[layer] * (2 * spec.get_int("num_convs")), *predictors)


def retinanet_detections_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return what every detector ends with; see :func:`detections_outputs`."""
    anchors = sum(anchors_per_level(spec))
    expected = (
        TensorSpec((spec.batch, anchors, spec.get_int("num_classes"))),
        TensorSpec((spec.batch, anchors, 4)),
    )
    if spec.inputs != expected:
        raise ModuleSpecError(
            f"retinanet_detections over {anchors} anchors takes "
            f"{', '.join(map(str, expected))}, got {', '.join(map(str, spec.inputs))}"
        )
    return detections_outputs(spec)


KINDS = {
    "retinanet_head": ModuleKind(retinanet_head_outputs, retinanet_head_cost),
    "retinanet_detections": ModuleKind(retinanet_detections_outputs, no_cost),
}
