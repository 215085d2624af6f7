"""Layers of heads that look at every cell of a pyramid."""

from __future__ import annotations

from searchspaces import ModuleSpec, TensorSpec, outputs_of

from ..layers import Layer, Sample, conv_norm, copied, pointwise

TAPS = 9  # of a 3x3 filter
CORNERS = 4  # pixels that one interpolated value is made of
GUIDED_PREDICTIONS = (1, 2, 1, 4)  # channels: location, shape, objectness, box


def _hw(tensor: TensorSpec) -> tuple[int, int]:
    return tensor.shape[2], tensor.shape[3]


def _predicted(taken: TensorSpec, channels: int, kernel: int) -> list[Layer]:
    """Return a predictor's convolution and the rearrangement of its map to rows."""
    layers = conv_norm(taken, channels, kernel, _hw(taken), "none", active=False)
    batch, _, height, width = taken.shape
    return [*layers, *copied(batch * channels * height * width)]


def _collected(spec: ModuleSpec) -> list[Layer]:
    """Return the joining of all levels' rows."""
    return [layer for tensor in outputs_of(spec) for layer in copied(tensor.numel)]


def _rpn_head(spec: ModuleSpec) -> list[Layer]:
    channels, each = spec.get_int("channels"), spec.get_int("num_anchors")
    layers: list[Layer] = []
    for level in spec.inputs:
        layers += conv_norm(level, channels, 3, _hw(level), "none")
        layers += _predicted(level, each, 1)
        layers += _predicted(level, 4 * each, 1)
    return [*layers, *_collected(spec)]


def _guided_rpn_head(spec: ModuleSpec) -> list[Layer]:
    layers = [layer for level in spec.inputs for layer in _guided_level(spec, level)]
    return [*layers, *_collected(spec)]


def _guided_level(spec: ModuleSpec, level: TensorSpec) -> list[Layer]:
    channels, groups = spec.get_int("channels"), spec.get_int("deform_groups")
    batch, _, height, width = level.shape
    offsets = 2 * TAPS * groups
    shape = TensorSpec((batch, 2, height, width))
    columns = TensorSpec((batch, TAPS * channels, height, width))
    predictions = [
        layer
        for given in GUIDED_PREDICTIONS
        for layer in conv_norm(level, given, 1, _hw(level), "none", active=False)
    ]
    return [
        *conv_norm(level, channels, 3, _hw(level), "none"),
        *predictions,
        *conv_norm(shape, offsets, 1, _hw(level), "none", active=False),
        pointwise(batch * offsets * height * width, 4),  # where the taps are read
        Sample(CORNERS * columns.numel, level.numel, columns.numel),
        *conv_norm(columns, channels, 1, _hw(level), "none"),
    ]


def _retinanet_head(spec: ModuleSpec) -> list[Layer]:
    each, channels = spec.get_int("num_anchors"), spec.get_int("channels")
    layers: list[Layer] = []
    for level in spec.inputs:
        for given in (each * spec.get_int("num_classes"), each * 4):
            taken = level
            for _ in range(spec.get_int("num_convs")):
                layers += conv_norm(taken, channels, 3, _hw(level), spec.get_str("norm"))
                taken = TensorSpec((level.shape[0], channels, *_hw(level)))
            layers += _predicted(taken, given, 3)
    return [*layers, *_collected(spec)]


SPLITS = {
    "rpn_head": _rpn_head,
    "guided_rpn_head": _guided_rpn_head,
    "retinanet_head": _retinanet_head,
}
