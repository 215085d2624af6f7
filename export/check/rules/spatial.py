"""Layer 2: resizing, pooling, sampling, convolution, padding."""

from __future__ import annotations

from ..graph import Node
from ..rule import NODE, Rule, each, registry
from ..versions import Span, Target
from .sources import (
    CHECKERS_101,
    IMPORTERS_84,
    IMPORTERS_101,
    OPERATORS_101,
    PARSER_CHANGES,
)

TRANSFORMATIONS = (
    "half_pixel",
    "pytorch_half_pixel",
    "tf_half_pixel_for_nn",
    "asymmetric",
    "align_corners",
)
SCALED_SIDES = {"linear": 3, "cubic": 2}  # innermost dimensions that may change


def _dilated(node: Node, target: Target) -> str | None:
    dilations = node.attribute("dilations", [1])
    if all(side == 1 for side in dilations):
        return None
    return f"dilations are {list(dilations)}, TensorRT pools without dilation"


def _indices(node: Node, target: Target) -> str | None:
    if len(node.proto.output) < 2:
        return None
    used = bool(node.consumers(1)) or _is_output(node, 1)
    return f"it has the output Indices{'' if used else ', though nothing reads it'}"


def _is_output(node: Node, index: int) -> bool:
    return any(value.name == node.output(index) for value in node.scope.graph.output)


def _resize_mode(node: Node, target: Target) -> str | None:
    mode = node.attribute("coordinate_transformation_mode", "half_pixel")
    if mode not in TRANSFORMATIONS:
        return f"coordinate_transformation_mode is {mode!r}"
    nearest = node.attribute("nearest_mode", "round_prefer_floor")
    if mode == "tf_half_pixel_for_nn" and nearest != "round_prefer_floor":
        return f"nearest_mode is {nearest!r} with tf_half_pixel_for_nn"
    if node.attribute("mode", "nearest") not in ("nearest", "linear", "cubic"):
        return f"mode is {node.attribute('mode')!r}"
    return None


def _resize_policy(node: Node, target: Target) -> str | None:
    if node.attribute("antialias", 0):
        return "antialias is 1"
    policy = node.attribute("keep_aspect_ratio_policy", "stretch")
    return None if policy == "stretch" else f"keep_aspect_ratio_policy is {policy!r}"


def _cubic(node: Node, target: Target) -> str | None:
    return "mode is cubic" if node.attribute("mode") == "cubic" else None


def _resized_sides(node: Node, target: Target) -> str | None:
    allowed = SCALED_SIDES.get(node.attribute("mode", "nearest"))
    scales = node.constant(2)
    if allowed is None or scales is None or scales.size <= allowed or node.attribute("axes"):
        return None
    if (scales[: scales.size - allowed] == 1).all():
        return None
    return f"scales are {scales.tolist()}, only the last {allowed} may differ from 1"


def _grid_rank(node: Node, target: Target) -> str | None:
    rank = node.rank()
    return None if rank in (None, 4) else f"its input has {rank} dimensions instead of 4"


def _deform_pads(node: Node, target: Target) -> str | None:
    rank, pads = node.rank(), list(node.attribute("pads", []))
    if rank is not None and rank > 4:
        return f"its input has {rank} dimensions, at most 4 are supported"
    half = len(pads) // 2
    if pads[:half] != pads[half:]:
        return f"pads are {pads}, begin and end of an axis must be equal"
    return None


def _not_four(node: Node, target: Target) -> str | None:
    rank = node.rank()
    return None if rank in (None, 4) else f"its input has {rank} dimensions instead of 4"


def _wrapped(node: Node, target: Target) -> str | None:
    return "mode is wrap" if node.attribute("mode", "constant") == "wrap" else None


def _upsample_mode(node: Node, target: Target) -> str | None:
    mode = node.attribute("mode", "nearest")
    return None if mode in ("nearest", "linear", "bilinear") else f"mode is {mode!r}"


def _negative_pads(node: Node, target: Target) -> str | None:
    pads = list(node.attribute("pads", []))
    return f"pads are {pads}" if any(side < 0 for side in pads) else None


def _pooled_rank(node: Node, target: Target) -> str | None:
    rank = node.rank()
    if rank is None or rank in (3, 4, 5):
        return None
    return f"its input has {rank} dimensions, TensorRT pools over two or three"


RULES = registry(
    Rule(
        "pool-dilation",
        NODE,
        "Pooling must not be dilated; before 10.0 the parser ignores dilations without a word.",
        f"{CHECKERS_101}; {IMPORTERS_84}",
        each("MaxPool AveragePool LpPool", _dilated),
        "pool without dilation",
    ),
    Rule(
        "pool-indices",
        NODE,
        "MaxPool must not have the output Indices.",
        CHECKERS_101,
        each("MaxPool", _indices),
        "do without the indices",
    ),
    Rule(
        "pool-rank",
        NODE,
        "Pooling must be over two or three dimensions.",
        OPERATORS_101,
        each("MaxPool AveragePool LpPool", _pooled_rank),
        "reshape before pooling",
    ),
    Rule(
        "resize-mode",
        NODE,
        "Resize must use a transformation and rounding that TensorRT has.",
        CHECKERS_101,
        each("Resize", _resize_mode),
        f"use one of {', '.join(TRANSFORMATIONS)}",
    ),
    Rule(
        "resize-policy",
        NODE,
        "Resize must neither be antialiased nor keep the aspect ratio by itself.",
        CHECKERS_101,
        each("Resize", _resize_policy),
        "resize without antialiasing, with the policy stretch",
    ),
    Rule(
        "resize-cubic",
        NODE,
        "Resize must not be cubic.",
        IMPORTERS_84,
        each("Resize", _cubic),
        "use linear, or TensorRT 8.5 or later",
        span=Span(before=(8, 5)),
    ),
    Rule(
        "resize-sides",
        NODE,
        "Linear resizing changes the last three dimensions at most, cubic the last two.",
        f"{IMPORTERS_101} (canUseNDResize)",
        each("Resize", _resized_sides),
        "transpose before resizing",
    ),
    Rule(
        "upsample-mode",
        NODE,
        "Upsample must be nearest or linear.",
        CHECKERS_101,
        each("Upsample", _upsample_mode),
        "use Resize",
    ),
    Rule(
        "grid-sample-rank",
        NODE,
        "GridSample must have an input of four dimensions.",
        OPERATORS_101,
        each("GridSample", _grid_rank),
        "sample images one plane at a time",
    ),
    Rule(
        "deform-conv-pads",
        NODE,
        "DeformConv must have at most two spatial dimensions and symmetric padding.",
        OPERATORS_101,
        each("DeformConv", _deform_pads),
        "pad before the node",
        span=Span((10, 1)),
    ),
    Rule(
        "depth-space-rank",
        NODE,
        "DepthToSpace and SpaceToDepth must have an input of four dimensions.",
        IMPORTERS_101,
        each("DepthToSpace SpaceToDepth", _not_four),
        "reshape around the node",
    ),
    Rule(
        "pad-wrap",
        NODE,
        "Pad must not wrap.",
        PARSER_CHANGES,
        each("Pad", _wrapped),
        "pad by Concat of slices",
        span=Span(before=(10, 0)),
    ),
    Rule(
        "deconv-pads",
        NODE,
        "ConvTranspose must not have negative padding.",
        IMPORTERS_101,
        each("ConvTranspose", _negative_pads),
        "crop by Slice after the node",
    ),
)
