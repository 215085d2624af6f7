"""Second-stage kinds: multi-level RoIAlign, the box head, cascades and final detections.

Sources: RoIAlign (He et al., ICCV 2017), level assignment and 2FC head (Lin et al., FPN, CVPR
2017), 4conv1fc head (Wu and He, Group Normalization, ECCV 2018; used throughout DetNAS), cascade
(Cai and Vasconcelos, Cascade R-CNN, CVPR 2018).
"""

from __future__ import annotations

from ..errors import ModuleSpecError
from ..modules import ModuleSpec, TensorSpec
from .base import (
    NORMS_OR_NONE,
    Cost,
    ModuleKind,
    activation,
    check_choice,
    conv_norm,
    linear,
    pixels_of,
    total,
)
from .rpn import no_cost

_LAYERS = (("num_convs", "conv_channels"), ("num_fcs", "fc_channels"))


def roi_align_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return ``(n * boxes, channels, size, size)`` features."""
    maps, boxes = [tensor.shape for tensor in spec.inputs[:-1]], spec.inputs[-1].shape
    channels, strides = spec.get_int("channels"), spec.get_ints("strides")
    fits = len(maps) == len(strides) and all(len(m) == 4 and m[1] == channels for m in maps)
    if not fits or len(boxes) != 3 or boxes[2] != 4 or {m[0] for m in maps} != {boxes[0]}:
        raise ModuleSpecError(
            f"roi_align takes an (n, {channels}, h, w) map per stride {strides} and "
            f"(n, boxes, 4), got {', '.join(map(str, spec.inputs))}"
        )
    size = spec.get_int("size")
    return (TensorSpec((boxes[0] * boxes[1], channels, size, size)),)


def box_head_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return class logits ``(rows, classes + 1)`` and deltas ``(rows, 4 * classes)``.

    The last logit is the background's. A class-agnostic head gives ``(rows, 4)`` deltas. With
    ``average`` the linear layers take the mean over a box's features, as without a pyramid.
    Equal heads have equal keys: the width of layers that there are none of is 0, and without
    convolutions ``norm`` is ``none``.
    """
    if len(spec.inputs) != 1 or len(spec.inputs[0].shape) != 4:
        raise ModuleSpecError(
            f"box_head takes one (rows, c, h, w) tensor, got {', '.join(map(str, spec.inputs))}"
        )
    _check_layers(spec)
    rows, classes = spec.inputs[0].shape[0], spec.get_int("num_classes")
    deltas = 4 if spec.get_int("class_agnostic") else 4 * classes
    return TensorSpec((rows, classes + 1)), TensorSpec((rows, deltas))


def _check_layers(spec: ModuleSpec) -> None:
    check_choice(spec, "norm", NORMS_OR_NONE)
    convs, norm = spec.get_int("num_convs"), spec.get_str("norm")
    if not convs and norm != "none":
        raise ModuleSpecError(
            f"a box_head without convolutions normalises nothing: norm must be none, got {norm}"
        )
    for name, width in _LAYERS:
        layers, channels = spec.get_int(name), spec.get_int(width)
        if min(layers, channels) < 0 or (layers == 0) != (channels == 0):
            raise ModuleSpecError(
                f"a box_head's {name} and {width} are above 0, or both 0 where it has no such "
                f"layer, got {layers} and {channels}"
            )
    if spec.get_int("average") and convs:
        raise ModuleSpecError(
            "a box_head that takes the mean over a box's features has no convolutions, got "
            f"num_convs={convs}"
        )


def box_head_cost(spec: ModuleSpec) -> Cost:
    """Count the convolutions, the hidden linear layers and the two predictors."""
    predictions = box_head_outputs(spec)
    rows, channels, height, width = spec.inputs[0].shape
    costs, pixels = [], pixels_of(spec.inputs[0])
    normed = spec.get_str("norm") != "none"
    for _ in range(spec.get_int("num_convs")):
        out = spec.get_int("conv_channels")
        costs.append(conv_norm(channels, out, 3, pixels, normed=normed))
        channels = out
    features = channels if spec.get_int("average") else channels * height * width
    for _ in range(spec.get_int("num_fcs")):
        out = spec.get_int("fc_channels")
        costs += [linear(features, out, rows), activation(out, rows)]
        features = out
    costs += [linear(features, t.shape[1], rows) for t in predictions]
    return total(*costs)


def refine_boxes_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return the boxes ``(n, boxes, 4)`` of a cascade's next stage.

    Takes class-agnostic deltas ``(n * boxes, 4)`` and the boxes that they belong to.
    """
    boxes = spec.inputs[-1].shape
    fits = len(spec.inputs) == 2 and len(boxes) == 3 and boxes[2] == 4
    if not fits or spec.inputs[0].shape != (boxes[0] * boxes[1], 4):
        raise ModuleSpecError(
            "refine_boxes takes deltas (n * boxes, 4) and boxes (n, boxes, 4), got "
            f"{', '.join(map(str, spec.inputs))}"
        )
    return (TensorSpec(boxes),)


def average_scores_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return the mean ``(rows, classes + 1)`` of the logits of a cascade's stages."""
    if len(spec.inputs) < 2 or len(set(spec.inputs)) > 1 or len(spec.inputs[0].shape) != 2:
        raise ModuleSpecError(
            "average_scores takes two or more equal (rows, classes + 1) tensors, got "
            f"{', '.join(map(str, spec.inputs))}"
        )
    return spec.inputs[:1]


def detections_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return boxes ``(n, d, 4)``, scores ``(n, d)``, labels ``(n, d)``, counts ``(n,)``."""
    batch, top = spec.batch, spec.get_int("max_detections")
    return (
        TensorSpec((batch, top, 4)),
        TensorSpec((batch, top)),
        TensorSpec((batch, top), "int64"),
        TensorSpec((batch,), "int64"),
    )


def rcnn_detections_outputs(spec: ModuleSpec) -> tuple[TensorSpec, ...]:
    """Return what every detector ends with; see :func:`detections_outputs`.

    Takes logits, deltas, proposals ``(n, boxes, 4)`` and their count ``(n,)``.
    """
    batch, classes = spec.batch, spec.get_int("num_classes")
    rows = spec.inputs[0].shape[0]
    deltas = 4 if spec.get_int("class_agnostic") else 4 * classes
    expected = (
        TensorSpec((rows, classes + 1)),
        TensorSpec((rows, deltas)),
        TensorSpec((batch, rows // batch, 4)),
        TensorSpec((batch,), "int64"),
    )
    if spec.inputs != expected:
        raise ModuleSpecError(
            f"rcnn_detections of {classes} classes at batch {batch} takes "
            f"{', '.join(map(str, expected))}, got {', '.join(map(str, spec.inputs))}"
        )
    return detections_outputs(spec)


KINDS = {
    "roi_align": ModuleKind(roi_align_outputs, no_cost),
    "box_head": ModuleKind(box_head_outputs, box_head_cost),
    "refine_boxes": ModuleKind(refine_boxes_outputs, no_cost),
    "average_scores": ModuleKind(average_scores_outputs, no_cost),
    "rcnn_detections": ModuleKind(rcnn_detections_outputs, no_cost),
}
