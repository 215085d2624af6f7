"""The few words that a sketch has for a module."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..kinds import outputs_of
from ..modules import ModuleSpec

_KERNELS = {"basic_block": 3, "bottleneck": 3, "inverted_residual": 3}
"""Kernels of blocks that have but one and therefore no parameter for it."""

_COLOURED_KERNELS = (1, 3, 5, 7)
_COLOURED_DILATIONS = 3

_PLURALS = {
    "basic_block": "basic blocks",
    "bottleneck": "bottlenecks",
    "inverted_residual": "inverted residuals",
    "shuffle_block": "shuffle blocks",
    "stem_conv": "convolutions",
}


def is_block(spec: ModuleSpec) -> bool:
    """Return whether a module is drawn as a bar: one map in, one map of a known width out."""
    return len(spec.inputs) == 1 and "out_channels" in dict(spec.params)


def is_stem(spec: ModuleSpec) -> bool:
    """Return whether a module stands before the stages; a 1x1 convolution ends MobileNetV2."""
    return "stem" in spec.kind and dict(spec.params).get("kernel") != 1


def block_label(spec: ModuleSpec) -> str:
    """Return operation, kernel, expansion, groups and dilation of a block, as far as it has them.

    Example:
        >>> from searchspaces import TensorSpec
        >>> block_label(ModuleSpec.of("bottleneck", [TensorSpec((1, 64, 8, 8))], dilation=2,
        ...             groups=32, in_channels=64, out_channels=256))
        '3×3 g32 d2'
    """
    params = dict(spec.params)
    kernel = params.get("kernel", _KERNELS.get(spec.kind))
    words = [str(params["op"])] if params.get("op", "conv") != "conv" else []
    if spec.kind == "resnet_stem":
        words.append("7×7, max-pool")
    words.append(f"{kernel}×{kernel}" if kernel else "" if words else spec.kind)
    if "hidden_channels" in params:
        words.append(f"e{spec.get_int('hidden_channels') // spec.get_int('in_channels')}")
    if params.get("groups", 1) != 1:
        words.append(f"g{params['groups']}")
    if dilation_of(spec) > 1:
        words.append(f"d{dilation_of(spec)}")
    return " ".join(filter(None, words))


def block_style(spec: ModuleSpec) -> tuple[str, str]:
    """Return the class that a block is coloured by, and what the colour means."""
    params = dict(spec.params)
    dilation, op = dilation_of(spec), str(params.get("op", "conv"))
    if is_stem(spec):
        return "stem", "stem"
    if dilation > 1:
        return ("dn" if dilation > _COLOURED_DILATIONS else f"d{dilation}"), f"dilation {dilation}"
    if op != "conv":
        return "op", op
    kernel = params.get("kernel", 3)
    style = f"k{kernel}" if kernel in _COLOURED_KERNELS else "k3"
    return style, f"{kernel}×{kernel}"


def dilation_of(spec: ModuleSpec) -> int:
    """Return a block's dilation; 1 where it has no such parameter."""
    return spec.get_int("dilation") if "dilation" in dict(spec.params) else 1


def count_label(kind: str, count: int) -> str:
    """Return how many modules of a kind there are: ``1 bottleneck``, ``4 basic blocks``."""
    singular = _PLURALS.get(kind, kind + "s").removesuffix("s")
    return f"{count} {_PLURALS.get(kind, singular + 's') if count > 1 else singular}"


def row_label(spec: ModuleSpec) -> str | None:
    """Return what a module after the backbone is called; ``None`` for a kind unknown here."""
    return _ROWS[spec.kind](spec) if spec.kind in _ROWS else None


def doubles(spec: ModuleSpec) -> bool:
    """Return whether a block gives twice the channels that it takes."""
    return spec.get_int("out_channels") == 2 * spec.inputs[0].shape[1]


def halvings(input_hw: tuple[int, ...], map_hw: tuple[int, ...]) -> int | None:
    """Return the least k with map = input / 2**k, rounded up; ``None`` where there is none.

    Example:
        >>> halvings((800, 1088), (25, 34))
        5
    """
    for power in range(max(input_hw).bit_length() + 1):
        if tuple(-(-side // 2**power) for side in input_hw) == tuple(map_hw):
            return power
    return None


def _layers(convs: int, width: int, fcs: int = 0, fc_width: int = 0) -> str:
    words = [f"{convs} conv {width}"] if convs else []
    words += [f"{fcs} fc {fc_width}"] if fcs else []
    return ", ".join(words) or "predictors alone"


def _neck(name: str) -> Callable[[ModuleSpec], str]:
    def label(spec: ModuleSpec) -> str:
        stacks = f"{spec.get_int('cells')} stacks, " if spec.kind == "nas_fpn" else ""
        return f"{name}: {stacks}{spec.get_int('out_channels')} channels"

    return label


def _box_head(spec: ModuleSpec) -> str:
    layers = _layers(*map(spec.get_int, ("num_convs", "conv_channels", "num_fcs", "fc_channels")))
    return f"box head: {layers}"


def _boxes(what: str) -> Callable[[ModuleSpec], str]:
    """Name a module by the boxes that it gives for each image."""
    return lambda spec: f"{outputs_of(spec)[0].shape[1]:,} {what}"


_ROWS: dict[str, Callable[[ModuleSpec], str]] = {
    "fpn": _neck("FPN"),
    "nas_fpn": _neck("NAS-FPN"),
    "rpn_head": lambda spec: f"RPN: {spec.get_int('num_anchors')} anchors a cell",
    "guided_rpn_head": lambda _: "GA-RPN: anchors predicted",
    "proposals": _boxes("proposals"),
    "guided_proposals": _boxes("proposals"),
    "roi_align": lambda spec: "RoIAlign {0}×{0}".format(spec.get_int("size")),
    "box_head": _box_head,
    "refine_boxes": lambda _: "boxes refined",
    "average_scores": lambda spec: f"mean score of {len(spec.inputs)} stages",
    "rcnn_detections": _boxes("detections"),
    "retinanet_head": lambda spec: (
        f"2 towers: {_layers(spec.get_int('num_convs'), spec.get_int('channels'))}"
    ),
    "retinanet_detections": _boxes("detections"),
    "mask_head": lambda spec: (
        f"mask head: {_layers(spec.get_int('num_convs'), spec.get_int('channels'))}"
    ),
    "mask_detections": lambda spec: "masks {0}×{0}".format(outputs_of(spec)[0].shape[2]),
}


def compact(count: int) -> str:
    """Write a count with three digits: ``192.5 G``, ``41.5 M``, ``7``.

    Example:
        >>> compact(192_479_000_000), compact(25_600), compact(0)
        ('192.5 G', '25.6 k', '0')
    """
    if count < 1000:
        return str(count)
    power = min(int(math.log10(count)) // 3, 4)
    return f"{count / 1000**power:.1f} {' kMGT'[power]}"
