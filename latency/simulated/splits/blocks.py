"""Layers of backbones: stems and blocks, and of a single convolution."""

from __future__ import annotations

from searchspaces import ModuleSpec, TensorSpec, outputs_of

from ..layers import Layer, Pass, conv_norm, convolution, copied, pointwise, residual

Size = tuple[int, int]


def _map(batch: int, channels: int, hw: Size) -> TensorSpec:
    return TensorSpec((batch, channels, *hw))


def _hw(tensor: TensorSpec) -> Size:
    return tensor.shape[2], tensor.shape[3]


def _conv(spec: ModuleSpec) -> list[Layer]:
    (out,) = outputs_of(spec)
    # Where an engine fuses the sum, the convolution reads the second input.
    added = out.numel if spec.get_int("fused_add") else 0
    layer = convolution(
        spec.inputs[0],
        spec.get_int("out_channels"),
        spec.get_int("kernel"),
        _hw(out),
        stride=spec.get_int("stride"),
        groups=spec.get_int("groups"),
        dilation=spec.get_int("dilation"),
        added=added,
    )
    sums = [pointwise(out.numel, absorbed=True)] if added else []
    return [layer, pointwise(out.numel, absorbed=True), *sums]


def _stem_conv(spec: ModuleSpec) -> list[Layer]:
    (out,) = outputs_of(spec)
    bias = [pointwise(out.numel, absorbed=True)] if spec.get_int("bias") else []
    return [
        *conv_norm(
            spec.inputs[0],
            spec.get_int("out_channels"),
            spec.get_int("kernel"),
            _hw(out),
            spec.get_str("norm"),
            stride=spec.get_int("stride"),
        ),
        *bias,
    ]


def _resnet_stem(spec: ModuleSpec) -> list[Layer]:
    (taken,), (out,) = spec.inputs, outputs_of(spec)
    height, width = ((side + 1) // 2 for side in _hw(taken))
    channels = spec.get_int("out_channels")
    wide = _map(taken.shape[0], channels, (height, width))
    layers = conv_norm(taken, channels, 7, (height, width), spec.get_str("norm"), stride=2)
    return [*layers, Pass(wide.numel, out.numel)]  # pooling


def _basic_block(spec: ModuleSpec) -> list[Layer]:
    (taken,), (out,) = spec.inputs, outputs_of(spec)
    channels, stride, norm = out.shape[1], spec.get_int("stride"), spec.get_str("norm")
    return [
        *conv_norm(taken, channels, 3, _hw(out), norm, stride=stride),
        *conv_norm(
            out, channels, 3, _hw(out), norm, active=False, dilation=spec.get_int("dilation")
        ),
        *_shortcut(spec),
        *_joined(out),
    ]


def _bottleneck(spec: ModuleSpec) -> list[Layer]:
    (taken,), (out,) = spec.inputs, outputs_of(spec)
    mid, norm = spec.get_int("mid_channels"), spec.get_str("norm")
    narrow = _map(taken.shape[0], mid, _hw(taken))
    strided = _map(taken.shape[0], mid, _hw(out))
    return [
        *conv_norm(taken, mid, 1, _hw(taken), norm),
        *conv_norm(
            narrow,
            mid,
            3,
            _hw(out),
            norm,
            stride=spec.get_int("stride"),
            groups=spec.get_int("groups"),
            dilation=spec.get_int("dilation"),
        ),
        *conv_norm(strided, out.shape[1], 1, _hw(out), norm, active=False),
        *_shortcut(spec),
        *_joined(out),
    ]


def _shortcut(spec: ModuleSpec) -> list[Layer]:
    (taken,), (out,), stride = spec.inputs, outputs_of(spec), spec.get_int("stride")
    if stride == 1 and taken.shape[1] == out.shape[1]:
        return []
    return conv_norm(
        taken, out.shape[1], 1, _hw(out), spec.get_str("norm"), active=False, stride=stride
    )


def _joined(out: TensorSpec) -> list[Layer]:
    return [*residual(out.numel), pointwise(out.numel, absorbed=True)]


def _inverted_residual(spec: ModuleSpec) -> list[Layer]:
    (taken,), (out,) = spec.inputs, outputs_of(spec)
    hidden, norm, stride = (
        spec.get_int("hidden_channels"),
        spec.get_str("norm"),
        spec.get_int("stride"),
    )
    wide = _map(taken.shape[0], hidden, _hw(taken))
    strided = _map(taken.shape[0], hidden, _hw(out))
    expanded = [] if hidden == taken.shape[1] else conv_norm(taken, hidden, 1, _hw(taken), norm)
    depthwise = conv_norm(
        wide,
        hidden,
        3,
        _hw(out),
        norm,
        stride=stride,
        groups=hidden,
        dilation=spec.get_int("dilation"),
    )
    projected = conv_norm(strided, out.shape[1], 1, _hw(out), norm, active=False)
    keeps = stride == 1 and taken.shape[1] == out.shape[1]
    return [*expanded, *depthwise, *projected, *(residual(out.numel) if keeps else [])]


def _shuffle_block(spec: ModuleSpec) -> list[Layer]:
    (taken,), (out,) = spec.inputs, outputs_of(spec)
    channels = taken.shape[1]
    if spec.get_int("stride") == 1:
        half = _map(taken.shape[0], channels // 2, _hw(taken))
        halves = copied(taken.numel, 2)
        return [*halves, *_branch(spec, half, channels // 2), *copied(out.numel)]
    projection = [
        *_depthwise(spec, taken, spec.get_int("kernel"), _hw(out), 2),
        *conv_norm(_map(taken.shape[0], channels, _hw(out)), channels, 1, _hw(out), _norm(spec)),
    ]
    branch = _branch(spec, taken, out.shape[1] - channels)
    return [*projection, *branch, *copied(out.numel)]


def _branch(spec: ModuleSpec, taken: TensorSpec, given: int) -> list[Layer]:
    batch, hw = taken.shape[0], _hw(outputs_of(spec)[0])
    mid, stride = spec.get_int("mid_channels"), spec.get_int("stride")
    if spec.get_str("op") == "conv":
        wide = _map(batch, mid, _hw(taken))
        return [
            *conv_norm(taken, mid, 1, _hw(taken), _norm(spec)),
            *_depthwise(spec, wide, spec.get_int("kernel"), hw, stride),
            *conv_norm(_map(batch, mid, hw), given, 1, hw, _norm(spec)),
        ]
    layers: list[Layer] = []
    for width in (mid, mid, given):
        layers += _depthwise(spec, taken, 3, hw, stride)
        filtered = _map(batch, taken.shape[1], hw)
        layers += conv_norm(filtered, width, 1, hw, _norm(spec))
        taken, stride = _map(batch, width, hw), 1
    return layers


def _depthwise(
    spec: ModuleSpec, taken: TensorSpec, kernel: int, hw: Size, stride: int
) -> list[Layer]:
    channels, norm = taken.shape[1], _norm(spec)
    return conv_norm(
        taken, channels, kernel, hw, norm, active=False, stride=stride, groups=channels
    )


def _norm(spec: ModuleSpec) -> str:
    """Return the normalisation of a shuffle block, which only names another than ``bn``."""
    return str(dict(spec.params).get("norm", "bn"))


SPLITS = {
    "conv": _conv,
    "stem_conv": _stem_conv,
    "resnet_stem": _resnet_stem,
    "basic_block": _basic_block,
    "bottleneck": _bottleneck,
    "inverted_residual": _inverted_residual,
    "shuffle_block": _shuffle_block,
}
