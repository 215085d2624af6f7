"""One-stage kinds: the RetinaNet head and its final detections (Lin et al., ICCV 2017)."""

from __future__ import annotations

from ..errors import ModuleSpecError
from ..modules import ModuleSpec, TensorSpec
from .anchors import anchors_per_level
from .base import (
    NORMS_OR_NONE,
    Cost,
    ModuleKind,
    check_choice,
    check_maps,
    conv,
    conv_norm,
    pixels_of,
    total,
)
from .rcnn import detections_outputs
from .rpn import no_cost


def retinanet_head_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return class logits ``(n, anchors, classes)`` and box deltas ``(n, anchors, 4)``."""
    check_maps(spec, [spec.get_int("in_channels")] * len(spec.inputs))
    check_choice(spec, "norm", NORMS_OR_NONE)
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
    costs, source = [], spec.get_int("in_channels")
    for _ in range(spec.get_int("num_convs")):
        costs += [conv_norm(source, channels, 3, pixels, normed=normed)] * 2  # one of each tower
        source = channels
    costs.append(conv(source, each * spec.get_int("num_classes"), 3, pixels, bias=1))
    costs.append(conv(source, each * 4, 3, pixels, bias=1))
    return total(*costs)


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
