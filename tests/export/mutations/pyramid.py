"""Faults of the pyramid of levels, operated into the graph, and changes that are none."""

from __future__ import annotations

from collections.abc import Callable

import onnx
from torch import Tensor

from .mutation import BOTH, Equivalent, Mutation, Workpiece
from .plants import operated, wrapped
from .surgery import become, maker_of, nodes_of, set_attribute


def _without_level(index: int) -> Callable[..., tuple[Tensor, ...]]:
    return lambda levels, *_: tuple(
        level * 0 if place == index else level for place, level in enumerate(levels)
    )


def _linear_upsampling(model: onnx.ModelProto) -> None:
    for node in nodes_of(model, "Resize", "neck"):
        set_attribute(node, "mode", "linear")
        set_attribute(node, "coordinate_transformation_mode", "half_pixel")


def _ceiling_upsampling(model: onnx.ModelProto) -> None:
    for node in nodes_of(model, "Resize", "neck"):
        set_attribute(node, "nearest_mode", "ceil")


def _upsampling(mode: str) -> Callable[[Workpiece], None]:
    def operate(model: onnx.ModelProto) -> None:
        for node in nodes_of(model, "Resize", "neck"):
            set_attribute(node, "coordinate_transformation_mode", mode)
            set_attribute(node, "nearest_mode", "round_prefer_floor")

    return operated(operate)


def _no_top_down(model: onnx.ModelProto) -> None:
    """Give lateral connections alone: the coarser level is not added."""
    for node in nodes_of(model, "Add", "neck"):
        made = {source: maker_of(model, source).op_type for source in node.input}
        upsampled = [source for source, op_type in made.items() if op_type == "Resize"]
        if upsampled:
            (lateral,) = [source for source in node.input if source not in upsampled]
            del node.input[:]
            node.input.append(lateral)
            become(node, "Identity")
            return
    raise LookupError("no addition of an upsampled level")


CATALOGUE = (
    Mutation(
        "pyramid-level-dropped",
        "the coarsest level of the pyramid is zero",
        "graph",
        "tensors",
        BOTH,
        wrapped("neck", _without_level(-1 + 5)),
    ),
    Mutation(
        "pyramid-middle-level-dropped",
        "the second level of the pyramid is zero",
        "graph",
        "tensors",
        BOTH,
        wrapped("neck", _without_level(1)),
    ),
    Mutation(
        "pyramid-without-top-down",
        "a coarser level is not added to the finer one",
        "graph",
        "tensors",
        BOTH,
        operated(_no_top_down),
    ),
    Mutation(
        "upsampling-linear",
        "levels are upsampled linearly instead of by repetition",
        "graph",
        "tensors",
        BOTH,
        operated(_linear_upsampling),
    ),
    Mutation(
        "upsampling-ceil",
        "levels are upsampled by the next cell instead of the one below",
        "graph",
        "tensors",
        BOTH,
        operated(_ceiling_upsampling),
    ),
)
"""Faults of the pyramid."""

EQUIVALENT = (
    Equivalent(
        "upsampling-align-corners",
        "levels are upsampled with aligned corners",
        "From n to 2n cells, cell x reads x (n - 1) / (2n - 1), rounded, .5 down. For x = 2k this "
        "is k - k / (2n - 1), and k <= n - 1 makes it more than k - 1/2; for x = 2k + 1 it is "
        "k + 1/2 - (2k + 1) / (4n - 2), less than k + 1/2 and at least k. Both round to k, which "
        "is what repetition reads.",
        BOTH,
        _upsampling("align_corners"),
    ),
    Equivalent(
        "upsampling-half-pixel",
        "levels are upsampled from half pixels",
        "From n to 2n cells, cell x reads (x + 1/2) / 2 - 1/2, rounded: k - 1/4 for x = 2k, and "
        "k + 1/4 for x = 2k + 1. Both round to k, which is what repetition reads.",
        BOTH,
        _upsampling("half_pixel"),
    ),
)
"""Changes that change nothing: not counted."""
