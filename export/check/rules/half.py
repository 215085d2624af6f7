"""Layer 4: forms and sizes that half precision breaks, with its eleven bits of mantissa.

Only what the graph itself shows. What depends on the activations of a
trained model is for the accuracy gate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from onnx import TensorProto

from ..finding import Severity
from ..graph import GraphView, Node, Scope
from ..inference import Tensor
from ..rule import PRECISION, Problem, Rule, each, registry, words
from ..versions import Span, Target
from .half_constants import EXACT_INTEGERS, HALF, IEEE, LARGEST
from .sources import issue

LARGEST_EXPONENT = math.log(LARGEST)  # 11.09
PIXEL_SIDE = 1024  # above, FP16 steps by a pixel and more
MANY_TERMS = 4096  # terms of magnitude 16 then overflow

_SHAPED = words("Reshape Flatten Squeeze Unsqueeze Transpose Identity Slice Gather Concat")


def _decomposed_norm(graph: GraphView, target: Target) -> Iterator[Problem]:
    for node in graph.of("ReduceMean"):
        square = node.producer(0)
        if square is None or not _is_square(square):
            continue
        if _reaches(node, "Sqrt", steps=3):
            yield Problem(
                "a normalisation is written out as square, mean and root: squares overflow where "
                f"activations exceed {math.sqrt(LARGEST):.0f}",
                square,
            )


def _is_square(node: Node) -> bool:
    if node.op == "Pow":
        exponent = node.constant(1)
        return exponent is not None and exponent.size == 1 and float(exponent.ravel()[0]) == 2
    return node.op == "Mul" and node.input(0) == node.input(1)


def _reaches(node: Node, op: str, steps: int) -> bool:
    if node.op == op:
        return True
    return steps > 0 and any(_reaches(reader, op, steps - 1) for reader in node.consumers())


def _open_exponent(node: Node, target: Target) -> str | None:
    bound = _upper_bound(node, steps=6)
    if bound is not None and bound <= LARGEST_EXPONENT:
        return None
    return f"its operand is not bounded; from {LARGEST_EXPONENT:.2f} on the result is infinite"


def _upper_bound(node: Node, steps: int) -> float | None:
    """Return what the operand of a node cannot exceed, where the nodes before it say so."""
    maker = node.producer(0)
    if maker is None or steps == 0:
        return None
    if maker.op in ("Sigmoid", "Tanh", "Softmax"):
        return 1.0
    limit = None
    if maker.op == "Clip":
        limit = maker.constant(2)
        if limit is None and "max" in maker.attributes:
            return float(maker.attribute("max"))
    elif maker.op == "Min":
        limit = maker.constant(1) if maker.constant(1) is not None else maker.constant(0)
    elif maker.op in _SHAPED:
        return _upper_bound(maker, steps - 1)
    elif maker.op == "Sub" and _subtracts_maximum(maker):
        return 0.0
    elif maker.op == "Neg" and (before := maker.producer(0)) is not None:
        return 0.0 if before.op in ("Relu", "Abs", "Softplus", "Exp", "Mul") else None
    return None if limit is None or not limit.size else float(limit.max())


def _subtracts_maximum(node: Node) -> bool:
    maker = node.producer(1)
    return maker is not None and maker.op == "ReduceMax"


def _long_sums(node: Node, target: Target) -> str | None:
    terms = _terms(node)
    if terms is None or terms < MANY_TERMS:
        return None
    return f"it sums {terms} terms; the sum overflows once they average {LARGEST / terms:.3g}"


def _terms(node: Node) -> int | None:
    shape, axes = node.shape(), node.constant(1)
    if shape is None:
        return None
    chosen = node.attribute("axes") if axes is None else axes.ravel().tolist()
    sides = shape if not chosen else [shape[axis] for axis in chosen]
    if not all(isinstance(side, int) for side in sides):
        return None
    return math.prod(side for side in sides if isinstance(side, int))


def _large_images(graph: GraphView, target: Target) -> Iterator[Problem]:
    side = max((_image_side(graph.main, name) for name in graph.main.input_names), default=0)
    if side <= PIXEL_SIDE:
        return
    for op, index in (("NonMaxSuppression", 0), ("RoiAlign", 1)):
        for node in graph.of(op):
            if node.dtype(index) == TensorProto.FLOAT:
                yield Problem(
                    f"boxes in pixels of an image with a side of {side}: FP16 steps by "
                    f"{_step(side):g} pixels there",
                    node,
                )


def _image_side(scope: Scope, name: str) -> int:
    tensor = scope.tensor(name) or Tensor(None, None)
    shape = tensor.shape or ()
    sides = [side for side in shape[-3:] if isinstance(side, int)]
    return max(sides, default=0) if len(shape) in (3, 4) else 0


def _step(side: float) -> float:
    """Return the distance of neighbouring FP16 numbers just below a number."""
    return float(2.0 ** (math.ceil(math.log2(side)) - 11))


def _areas(graph: GraphView, target: Target) -> Iterator[Problem]:
    for node in graph.of("Sqrt"):
        area = node.producer(0)
        if area is None or area.op != "Mul":
            continue
        sides = [area.producer(0), area.producer(1)]
        if all(side is not None and side.op == "Sub" for side in sides):
            yield Problem(
                "areas of boxes are computed in pixels: a box of 256 x 256 exceeds FP16", area
            )


def _sampling(node: Node, target: Target) -> str | None:
    side = max((side for side in (node.shape() or ())[2:] if isinstance(side, int)), default=0)
    if side <= EXACT_INTEGERS // 16:
        return None
    return (
        f"it samples a map with a side of {side}: coordinates in [-1, 1] have steps of up to "
        f"{side * 2.0**-12:.2g} pixels in FP16"
    )


RULES = registry(
    Rule(
        "half-norm",
        PRECISION,
        "Normalisations must not be written out as square, mean and root.",
        issue(647, "marcoslucianops/DeepStream-Yolo"),
        _decomposed_norm,
        f"export with opset 17, where it is LayerNormalization, or {HALF}",
        precision="fp16",
    ),
    Rule(
        "half-exp",
        PRECISION,
        "Operands of Exp should be bounded by 11.",
        IEEE,
        each("Exp", _open_exponent),
        f"clip the operand, as box decoding does at log(1000/16), or {HALF}",
        severity=Severity.WARN,
        precision="fp16",
    ),
    Rule(
        "half-sum",
        PRECISION,
        f"Sums should have fewer than {MANY_TERMS} terms.",
        f"{IEEE}; modelopt AutoCast (depth of reduction)",
        each("ReduceSum ReduceSumSquare ReduceL1 ReduceL2 CumSum", _long_sums),
        f"use a mean, or {HALF}",
        severity=Severity.WARN,
        precision="fp16",
    ),
    Rule(
        "half-boxes",
        PRECISION,
        f"Boxes in pixels should not exceed {PIXEL_SIDE}.",
        IEEE,
        _large_images,
        f"use boxes relative to the image, or {HALF}",
        severity=Severity.WARN,
        precision="fp16",
    ),
    Rule(
        "half-areas",
        PRECISION,
        "Areas of boxes should not be computed in pixels.",
        IEEE,
        _areas,
        f"take the roots of the sides first, or {HALF}",
        severity=Severity.WARN,
        precision="fp16",
    ),
    Rule(
        "half-sampling",
        PRECISION,
        "Maps that GridSample reads should be small.",
        f"{IEEE}; PogChamper/dfine-cpp v0.1.0",
        each("GridSample", _sampling),
        HALF,
        severity=Severity.WARN,
        span=Span((8, 5)),
        precision="fp16",
    ),
)
