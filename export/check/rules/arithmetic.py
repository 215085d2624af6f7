"""Layer 2: arithmetic, scattering, and constants that no release of the time can hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..folding import Value
from ..graph import GraphView, Node
from ..rule import NODE, Problem, Rule, each, registry
from ..versions import Span, Target
from .operators import letter_of, type_text
from .sources import (
    CHANGES,
    CHECKERS_101,
    HELPERS_86,
    IMPORTERS_86,
    IMPORTERS_101,
    OPERATORS_84,
    OPERATORS_101,
)

INT32 = np.iinfo(np.int32)
UNBOUNDED = 1 << 62  # magnitudes from here on mean "to the end", which INT32's limits mean as well
INTEGERS = ("i", "l")


def _float_mod(node: Node, target: Target) -> str | None:
    letter = letter_of(node.dtype(), target.release)
    if node.attribute("fmod", 0) or letter is None or letter in INTEGERS:
        return None
    return "fmod is 0 with operands that are not integers"


def _bad_equation(node: Node, target: Target) -> str | None:
    equation = node.attribute("equation", "")
    bad = sorted({sign for sign in equation if not (sign.islower() or sign in "->., ")})
    return f"its equation {equation!r} has {', '.join(map(repr, bad))}" if bad else None


def _rich_equation(node: Node, target: Target) -> str | None:
    equation = node.attribute("equation", "").replace(" ", "")
    if "..." in equation:
        return f"its equation {equation!r} has an ellipsis"
    terms = equation.split("->")[0].split(",")
    if any(len(set(term)) < len(term) for term in terms):
        return f"its equation {equation!r} takes a diagonal"
    return None


def _scatter_nd(node: Node, target: Target) -> str | None:
    if "reduction" not in node.attributes:
        return None
    reduction = node.attribute("reduction")
    if reduction != "none":
        verb = "ignored" if target.release < (10, 0) else "refused"
        return f"reduction is {reduction!r}, which is {verb}"
    if (10, 0) <= target.release < (10, 9):
        return "it has the attribute reduction, which is refused even as 'none'"
    return None


def _scatter_elements(node: Node, target: Target) -> str | None:
    reduction = node.attribute("reduction", "none")
    return None if reduction == "none" else f"reduction is {reduction!r}, which is ignored"


def _cast_target(node: Node, target: Target) -> str | None:
    to = node.attribute("to")
    if to is None or letter_of(to, target.release) is not None:
        return None
    return f"it casts to {type_text(to)}"


def _constant_kind(node: Node, target: Target) -> str | None:
    found = {"sparse_value", "value_string", "value_strings"} & set(node.attributes)
    return f"it has the attribute {min(found)}" if found else None


def _large_integers(graph: GraphView, target: Target) -> Iterator[Problem]:
    for scope in graph.scopes:
        for node in scope.nodes:
            for index in range(len(node.proto.input)):
                reason = _beyond_int32(node, index)
                if reason:
                    yield Problem(reason, node)


def _beyond_int32(node: Node, index: int) -> str | None:
    if not node.is_literal(index):
        return None
    value = node.constant(index)
    if value is None or value.dtype != np.int64 or not value.size:
        return None
    beyond = value[((value > INT32.max) & (value < UNBOUNDED)) | _below(value)]
    if not beyond.size:
        return None
    return f"{node.input(index)!r} holds {int(beyond.ravel()[0])}, which is cut to INT32"


def _below(value: Value) -> Value:
    return np.asarray((value < INT32.min) & (value > -UNBOUNDED))


def _random_type(node: Node, target: Target) -> str | None:
    dtype = node.attribute("dtype")
    if dtype is None or letter_of(dtype, target.release) in ("f", "h", "b"):
        return None
    return f"dtype is {type_text(dtype)}"


def _range_type(node: Node, target: Target) -> str | None:
    letter = letter_of(node.dtype(), target.release)
    return (
        None if letter in (None, "f", "i", "l") else "its operands are neither FP32 nor integers"
    )


def _open_sides(node: Node, target: Target) -> str | None:
    shape = node.shape()
    if shape is None or all(isinstance(side, int) for side in shape):
        return None
    return f"its input has the shape {shape}"


def _trilu_rank(node: Node, target: Target) -> str | None:
    rank = node.rank()
    return None if rank in (None, 2, 3) else f"its input has {rank} dimensions instead of 2 or 3"


RULES = registry(
    Rule(
        "mod-float",
        NODE,
        "Mod of floats must have fmod = 1.",
        IMPORTERS_101,
        each("Mod", _float_mod),
        "set fmod to 1, or cast to integers",
    ),
    Rule(
        "einsum-letters",
        NODE,
        "Equations of Einsum must be written in small letters.",
        CHECKERS_101,
        each("Einsum", _bad_equation),
        "rename the subscripts",
    ),
    Rule(
        "einsum-forms",
        NODE,
        "Einsum must have neither ellipsis nor diagonal.",
        f"{OPERATORS_84}; {CHANGES} (10.12.0)",
        each("Einsum", _rich_equation),
        "write out the dimensions, or use MatMul",
        span=Span(before=(10, 12)),
    ),
    Rule(
        "scatter-nd-reduction",
        NODE,
        "ScatterND must not reduce, and from 10.0 to 10.8 not even say so.",
        f"{IMPORTERS_86}; {OPERATORS_101}; {CHANGES} (10.9.0)",
        each("ScatterND", _scatter_nd),
        "leave the attribute out, or use ScatterElements from 10.0 on",
    ),
    Rule(
        "scatter-elements-reduction",
        NODE,
        "ScatterElements must not reduce.",
        f"{IMPORTERS_86}; {CHANGES} (10.0.0)",
        each("ScatterElements", _scatter_elements),
        "use TensorRT 10.0 or later",
        span=Span(before=(10, 0)),
    ),
    Rule(
        "cast-type",
        NODE,
        "Cast must be to a type that the release has.",
        f"{HELPERS_86} (convertDtype); {CHECKERS_101}",
        each("Cast", _cast_target),
        "cast to FP32, INT32 or BOOL",
    ),
    Rule(
        "constant-kind",
        NODE,
        "Constants must be neither sparse nor texts.",
        CHECKERS_101,
        each("Constant", _constant_kind),
        "store the values densely, texts outside the model",
    ),
    Rule(
        "int64-values",
        NODE,
        "INT64 constants must fit into INT32.",
        f"{HELPERS_86} (convertOnnxWeights)",
        _large_integers,
        "use smaller numbers",
        span=Span(before=(9, 0)),
    ),
    Rule(
        "random-type",
        NODE,
        "Random numbers must be floats.",
        CHECKERS_101,
        each("RandomNormal RandomNormalLike RandomUniform RandomUniformLike", _random_type),
        "draw FP32 and cast",
    ),
    Rule(
        "range-type",
        NODE,
        "Range must be of FP32, INT32 or INT64.",
        IMPORTERS_101,
        each("Range", _range_type),
        "cast after the node",
    ),
    Rule(
        "eyelike-shape",
        NODE,
        "EyeLike must have an input of fixed shape.",
        IMPORTERS_101,
        each("EyeLike", _open_sides),
        "fix the shape",
    ),
    Rule(
        "reverse-sequence-shape",
        NODE,
        "ReverseSequence must have an input of fixed shape.",
        OPERATORS_84,
        each("ReverseSequence", _open_sides),
        "fix the shape, or use TensorRT 8.6 or later",
        span=Span(before=(8, 6)),
    ),
    Rule(
        "trilu-rank",
        NODE,
        "Trilu must have an input of two or three dimensions.",
        "onnx/onnx-tensorrt fdeeaca8 builtin_op_importers.cpp",
        each("Trilu", _trilu_rank),
        "reshape around the node, or use TensorRT 8.6 or later",
        span=Span((8, 5), (8, 6)),
    ),
)
