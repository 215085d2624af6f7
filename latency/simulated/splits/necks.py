"""Layers of feature pyramids."""

from __future__ import annotations

from searchspaces import NAS_FPN_CELLS, ModuleSpec, TensorSpec, outputs_of

from ..layers import Layer, Pass, conv_norm, pointwise, residual


def _hw(tensor: TensorSpec) -> tuple[int, int]:
    return tensor.shape[2], tensor.shape[3]


def _fpn(spec: ModuleSpec) -> list[Layer]:
    maps, norm, out = outputs_of(spec), spec.get_str("norm"), spec.get_int("out_channels")
    layers: list[Layer] = []
    for index, (taken, given) in enumerate(zip(spec.inputs, maps, strict=False)):
        layers += conv_norm(taken, out, 1, _hw(given), norm, active=False)
        if index + 1 < len(spec.inputs):  # the coarsest map takes none from above
            layers.append(Pass(maps[index + 1].numel, given.numel))
            layers += residual(given.numel)
        layers += conv_norm(given, out, 3, _hw(given), norm, active=False)
    levels = len(spec.inputs)
    for taken, given in zip(maps[levels - 1 :], maps[levels:], strict=False):
        if spec.get_str("extra") == "pool":
            layers.append(Pass(given.numel, given.numel))
        else:
            layers += conv_norm(taken, out, 3, _hw(given), "none", active=False, stride=2)
            layers.append(pointwise(given.numel, absorbed=True))
    return layers


def _nas_fpn(spec: ModuleSpec) -> list[Layer]:
    maps, norm, out = outputs_of(spec), spec.get_str("norm"), spec.get_int("out_channels")
    levels = len(spec.inputs)
    layers: list[Layer] = []
    for taken in spec.inputs:
        layers += conv_norm(taken, out, 1, _hw(taken), norm, active=False)
    for taken, given in zip(maps[levels - 1 :], maps[levels:], strict=False):
        layers += conv_norm(taken, out, 1, _hw(taken), norm, active=False)
        layers.append(Pass(taken.numel, given.numel))
    return [*layers, *(_stack(maps, norm) * spec.get_int("cells"))]


def _stack(maps: tuple[TensorSpec, ...], norm: str) -> list[Layer]:
    """Return the layers of one stack of merging cells."""
    layers: list[Layer] = []
    for cell in NAS_FPN_CELLS:
        *sources, target = cell.levels
        given = maps[target]
        layers += [Pass(maps[level].numel, given.numel) for level in sources if level != target]
        if cell.op == "gp":
            layers += [Pass(given.numel, given.shape[1]), pointwise(given.numel)]
        layers += residual(given.numel)
        if cell.convolves:
            layers += [pointwise(given.numel)]  # activation before the convolution
            layers += conv_norm(given, given.shape[1], 3, _hw(given), norm, active=False)
    return layers


SPLITS = {"fpn": _fpn, "nas_fpn": _nas_fpn}
