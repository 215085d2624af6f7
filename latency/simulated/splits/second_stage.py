"""Layers of what runs on every box: RoIAlign, box heads, cascades, masks."""

from __future__ import annotations

from searchspaces import ModuleSpec, TensorSpec, outputs_of

from ..layers import (
    DECODING_STEPS,
    Layer,
    Pass,
    Sample,
    conv_norm,
    copied,
    linear,
    pointwise,
)

CORNERS = 4  # pixels that one interpolated value is made of
LEVEL_STEPS = 8  # operations that choose each box's level and place
COPIES_PER_LEVEL = 2  # its edges are repeated, then it is laid out with the others


def _hw(tensor: TensorSpec) -> tuple[int, int]:
    return tensor.shape[2], tensor.shape[3]


def _roi_align(spec: ModuleSpec) -> list[Layer]:
    (out,), (*maps, boxes) = outputs_of(spec), spec.inputs
    source = sum(tensor.numel for tensor in maps)
    taps = CORNERS * spec.get_int("sampling") ** 2 * out.numel
    layers: list[Layer] = [Sample(taps, source, out.numel)]
    if len(maps) == 1:
        return [pointwise(boxes.numel), *layers]
    copies = [layer for m in maps[1:] for layer in copied(m.numel, COPIES_PER_LEVEL)]
    return [*copies, *copied(source), pointwise(boxes.numel, LEVEL_STEPS), *layers]


def _box_head(spec: ModuleSpec) -> list[Layer]:
    (taken,), norm = spec.inputs, spec.get_str("norm")
    rows, hw = taken.shape[0], _hw(taken)
    layers: list[Layer] = []
    if spec.get_int("average"):
        layers.append(Pass(taken.numel, rows * taken.shape[1]))
        taken = TensorSpec((rows, taken.shape[1], 1, 1))
    for _ in range(spec.get_int("num_convs")):
        layers += conv_norm(taken, spec.get_int("conv_channels"), 3, hw, norm)
        taken = TensorSpec((rows, spec.get_int("conv_channels"), *hw))
    features = taken.numel // rows
    for _ in range(spec.get_int("num_fcs")):
        hidden = spec.get_int("fc_channels")
        layers += [*linear(rows, features, hidden), pointwise(rows * hidden, absorbed=True)]
        features = hidden
    for given in outputs_of(spec):
        layers += linear(rows, features, given.shape[1])
    return layers


def _refine_boxes(spec: ModuleSpec) -> list[Layer]:
    return [pointwise(spec.inputs[1].numel, DECODING_STEPS)]


def _average_scores(spec: ModuleSpec) -> list[Layer]:
    elements = spec.inputs[0].numel
    return [Pass(2 * elements, elements, len(spec.inputs))]


def _mask_head(spec: ModuleSpec) -> list[Layer]:
    (taken,), (logits,), norm = spec.inputs, outputs_of(spec), spec.get_str("norm")
    rows, hw, channels = taken.shape[0], _hw(taken), spec.get_int("channels")
    layers: list[Layer] = []
    for _ in range(spec.get_int("num_convs")):
        layers += conv_norm(taken, channels, 3, hw, norm)
        taken = TensorSpec((rows, channels, *hw))
    # A 2x2 transposed convolution of stride 2: four 1x1 convolutions side by side.
    layers += conv_norm(taken, 4 * channels, 1, hw, "none")
    wide = TensorSpec((rows, channels, *_hw(logits)))
    return [*layers, *conv_norm(wide, logits.shape[1], 1, _hw(logits), "none", active=False)]


def _mask_detections(spec: ModuleSpec) -> list[Layer]:
    (masks,), heads = outputs_of(spec), len(spec.inputs) - 1
    return [pointwise(masks.numel, 2) for _ in range(heads)] + copied(masks.numel)


SPLITS = {
    "roi_align": _roi_align,
    "box_head": _box_head,
    "refine_boxes": _refine_boxes,
    "average_scores": _average_scores,
    "mask_head": _mask_head,
    "mask_detections": _mask_detections,
}
