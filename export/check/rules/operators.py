"""Layer 1: operator, release and element type."""

from __future__ import annotations

from collections.abc import Iterator

from onnx import TensorProto

from ..finding import Severity
from ..graph import GraphView, Node
from ..rule import OPERATOR, Problem, Rule, registry, words
from ..versions import Release, Span, Target, release_text
from .operator_table import LETTERS, REFUSED, first_release, source_of, types_of
from .sources import HELPERS_86, IMPORTERS_86, IMPORTERS_101

_LETTER_OF: dict[int, str] = {
    TensorProto.FLOAT: "f",
    TensorProto.DOUBLE: "f",
    TensorProto.FLOAT16: "h",
    TensorProto.BFLOAT16: "b",
    TensorProto.INT32: "i",
    TensorProto.INT64: "l",
    TensorProto.INT8: "q",
    TensorProto.UINT8: "u",
    TensorProto.BOOL: "o",
    TensorProto.FLOAT8E4M3FN: "e",
    TensorProto.INT4: "n",
}
_NATIVE_INT64: Release = (9, 0)
_SINCE = {"b": (9, 0), "l": (0, 0), "u": (8, 5), "e": (9, 0), "n": (10, 0)}
"""First release that has a type at all; the others are older than the rules."""

# The operand whose type the table speaks of; operators whose own types follow from attributes or
# branches are left out, and so is Cast, whose every type is allowed if TensorRT has it.
_TYPED = {"Where": 1, "OneHot": 2}
_UNTYPED = words("Cast CastLike Constant ConstantOfShape If Loop Scan Range Shape Size")
_UINT8_READERS = words("Cast CastLike Identity Shape Size QuantizeLinear Loop If Scan")


def letter_of(dtype: int | None, release: Release) -> str | None:
    """Return the letter under which a release handles an element type; None if it has it not."""
    letter = _LETTER_OF.get(dtype) if dtype is not None else None
    if letter == "l" and release < _NATIVE_INT64:
        return "i"
    if letter is None or release < _SINCE.get(letter, (0, 0)):
        return None
    return letter


def type_text(dtype: int) -> str:
    """Return an element type as ONNX names it."""
    known: dict[int, str] = {value: name for name, value in TensorProto.DataType.items()}
    return known.get(dtype, f"of type {dtype}, which ONNX does not have")


def _unsupported(graph: GraphView, target: Target) -> Iterator[Problem]:
    release = target.release
    for op in sorted(graph.ops):
        if "::" in op or types_of(op, release) is not None:
            continue
        since = first_release(op)
        if since is not None and since > release:
            fix = f"use TensorRT {release_text(since)} or later, or express it by other operators"
            reason = f"{op} came with TensorRT {release_text(since)}"
        else:
            fix = "express it by other operators, or write a plugin"
            known = op in REFUSED
            reason = f"no release takes {op}" if known else f"{op} is in no operator table"
        for node in graph.of(op):
            yield Problem(reason, node, fix=fix, source=source_of(release))


def _documented(graph: GraphView, target: Target) -> Iterator[Problem]:
    release = target.release
    for node in graph.nodes:
        allowed = None if node.op in _UNTYPED else types_of(node.op, release)
        dtype = node.dtype(_TYPED.get(node.op, 0))
        letter = letter_of(dtype, release)
        if allowed is None or dtype is None or letter is None or letter in allowed:
            continue
        names = ", ".join(LETTERS[item] for item in allowed)
        yield Problem(
            f"{node.op} is documented for {names}, not for {LETTERS[letter]}",
            node,
            source=source_of(release),
        )


def _no_such_type(graph: GraphView, target: Target) -> Iterator[Problem]:
    for scope in graph.scopes:
        for name, tensor in scope.tensors.items():
            dtype = tensor.dtype
            if dtype is not None and letter_of(dtype, target.release) is None:
                yield Problem(
                    f"tensor {name!r} is {type_text(dtype)}, a type that TensorRT "
                    f"{release_text(target.release)} does not have",
                    scope.makers.get(name),
                    place=name,
                )


def _uint8_inside(graph: GraphView, target: Target) -> Iterator[Problem]:
    for node in graph.nodes:
        if node.op in _UINT8_READERS or "::" in node.op:
            continue
        for index, name in enumerate(node.proto.input):
            if node.dtype(index) == TensorProto.UINT8:
                yield Problem(f"{node.op} reads {name!r}, which is UINT8", node)
                break


# What importers refuse by name: operators, operand, letters, releases, source.
_ASSERTED: tuple[tuple[str, int, str, Span, str], ...] = (
    ("Add Sub Mul Div Min Max Greater Less", 0, "o", Span(), HELPERS_86),
    ("GreaterOrEqual LessOrEqual Sum Mean", 0, "o", Span(), HELPERS_86),
    ("Equal", 0, "o", Span(before=(8, 5)), HELPERS_86),
    ("Where", 1, "o", Span(before=(8, 5)), IMPORTERS_86),
    ("Gather GatherElements GatherND", 0, "o", Span(before=(8, 5)), IMPORTERS_86),
    ("Pow", 0, "oil", Span(before=(10, 12)), HELPERS_86),
    ("Pow", 1, "oil", Span(before=(10, 8)), HELPERS_86),
    ("Exp Log Sqrt Reciprocal Sin Cos Tan Sinh Cosh Asin Acos Atan Erf", 0, "oil", Span(), ""),
    ("Ceil Floor Round", 0, "oil", Span(before=(8, 6)), HELPERS_86),
    ("Gemm MatMul", 0, "il", Span(), IMPORTERS_101),
    ("PRelu", 0, "il", Span(), IMPORTERS_101),
    ("Resize Upsample GridSample DepthToSpace SpaceToDepth", 0, "o", Span(), IMPORTERS_101),
    ("Resize Upsample", 0, "il", Span(before=(8, 5)), IMPORTERS_86),
    ("TopK", 0, "il", Span(before=(8, 6)), IMPORTERS_86),
    ("ArgMax ArgMin", 0, "il", Span(before=(8, 6)), HELPERS_86),
    ("Clip", 0, "oq", Span(), IMPORTERS_101),
    ("ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd", 0, "o", Span(), IMPORTERS_101),
    ("ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceSumSquare", 0, "o", Span(), ""),
    ("HardSwish Mish LpNormalization LpPool DeformConv", 0, "oil", Span(), IMPORTERS_101),
    ("Hardmax", 0, "oilq", Span(), IMPORTERS_101),
    ("RoiAlign NonMaxSuppression", 0, "oil", Span(), IMPORTERS_101),
)


def _asserted(graph: GraphView, target: Target) -> Iterator[Problem]:
    for ops, index, letters, span, source in _ASSERTED:
        if target.release in span:
            for node in graph.of(*ops.split()):
                yield from _refused_type(node, index, letters, source, target)


def _refused_type(
    node: Node, index: int, letters: str, source: str, target: Target
) -> Iterator[Problem]:
    letter = letter_of(node.dtype(index), target.release)
    if letter is not None and letter in letters:
        yield Problem(
            f"operand {index} of {node.op} is {LETTERS[letter]}, which its importer refuses",
            node,
            source=source or HELPERS_86,
        )


RULES = registry(
    Rule(
        "operator-supported",
        OPERATOR,
        "Every operator must be one that the release takes.",
        "onnx/onnx-tensorrt docs/operators.md of the release",
        _unsupported,
        "express it by other operators, or write a plugin",
    ),
    Rule(
        "type-accepted",
        OPERATOR,
        "No operand may have an element type that its importer refuses.",
        f"{IMPORTERS_86}; {IMPORTERS_101}",
        _asserted,
        "cast the operand before the node",
    ),
    Rule(
        "type-documented",
        OPERATOR,
        "Operands should have an element type that the operator is documented for.",
        "onnx/onnx-tensorrt docs/operators.md of the release",
        _documented,
        "cast the operand before the node, or try it: some importers take more than is documented",
        severity=Severity.WARN,
    ),
    Rule(
        "type-exists",
        OPERATOR,
        "Every tensor must have an element type that the release has.",
        f"{HELPERS_86}, {IMPORTERS_101} (convertDtype)",
        _no_such_type,
        "cast to FP32, INT32 or BOOL",
    ),
    Rule(
        "uint8-inside",
        OPERATOR,
        "UINT8 may be the type of inputs and outputs only; inside, nothing but Cast reads it.",
        "onnx/onnx-tensorrt 9d2d786c docs/operators.md; NVIDIA/TensorRT samples dds_faster_rcnn",
        _uint8_inside,
        "cast to BOOL instead of UINT8 where the values are 0 and 1, else to INT32",
        span=Span((8, 5)),
    ),
)
