"""Layer 3: branches, loops and functions."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from ..finding import Severity
from ..graph import GraphView, Node, Scope
from ..inference import Tensor
from ..rule import GRAPH, Problem, Rule, each, registry
from ..versions import Span, Target
from .sources import (
    CHANGES,
    CHECKERS_101,
    IMPORTERS_86,
    NOTES_1011,
    OPERATORS_101,
    PARSER_CHANGES,
    issue,
)

INLINE = "inline the branch that is taken, or give both branches outputs of one shape"


def branches(node: Node) -> tuple[onnx.GraphProto, onnx.GraphProto] | None:
    """Return the two branches of an If; None where one is missing."""
    found = node.attributes
    if "then_branch" not in found or "else_branch" not in found:
        return None
    return found["then_branch"].g, found["else_branch"].g


def _shapes(graph: GraphView, target: Target) -> Iterator[Problem]:
    for node in graph.of("If"):
        if node.is_literal(0):
            continue  # the parser takes the branch and forgets the other
        for then, other in _outputs(graph, node):
            if then.shape is None or other.shape is None or not _same(then.shape, other.shape):
                yield Problem(
                    f"its branches give {_text(then)} and {_text(other)}, which must be equal "
                    "before 10.11",
                    node,
                )
                break


def _ranks(graph: GraphView, target: Target) -> Iterator[Problem]:
    for node in graph.of("If"):
        for then, other in () if node.is_literal(0) else _outputs(graph, node):
            if then.shape is None or other.shape is None or len(then.shape) != len(other.shape):
                yield Problem(f"its branches give {_text(then)} and {_text(other)}", node)
                break


def _outputs(graph: GraphView, node: Node) -> Iterator[tuple[Tensor, Tensor]]:
    pair = branches(node)
    if pair is None:
        return
    scopes = {id(scope.graph): scope for scope in graph.scopes if scope.owner is node}
    then, other = (scopes.get(id(branch)) or _by_name(graph, node, branch) for branch in pair)
    for left, right in zip(pair[0].output, pair[1].output, strict=False):
        yield _tensor(then, left), _tensor(other, right)


def _by_name(graph: GraphView, node: Node, branch: onnx.GraphProto) -> Scope | None:
    names = [value.name for value in branch.output]
    owned = (scope for scope in graph.scopes if scope.owner is node)
    return next((s for s in owned if [v.name for v in s.graph.output] == names), None)


def _tensor(scope: Scope | None, value: onnx.ValueInfoProto) -> Tensor:
    """Prefer what was inferred for the tensor, which may come from around the branch."""
    found = None if scope is None else scope.tensor(value.name)
    return found if found is not None else Tensor.of_value(value)


def _same(left: tuple[object, ...], right: tuple[object, ...]) -> bool:
    return len(left) == len(right) and all(
        a is not None and a == b for a, b in zip(left, right, strict=True)
    )


def _text(tensor: Tensor) -> str:
    if tensor.shape is None:
        return "a tensor of unknown rank"
    return f"[{', '.join('?' if side is None else str(side) for side in tensor.shape)}]"


def _numbers(node: Node, target: Target) -> str | None:
    pair = branches(node)
    if pair is None or len(pair[0].output) == len(pair[1].output):
        return None
    return f"its branches have {len(pair[0].output)} and {len(pair[1].output)} outputs"


def _names(node: Node, target: Target) -> str | None:
    pair = branches(node)
    if pair is None or node.is_literal(0):
        return None
    shared = {value.name for value in pair[0].output} & {value.name for value in pair[1].output}
    return f"both its branches have an output {min(shared)!r}" if shared else None


def _scan_outputs(node: Node, target: Target) -> str | None:
    body = node.attributes.get("body")
    if body is None:
        return None
    carried = len(node.proto.input) - 2
    scans = [name for name in node.proto.output[carried:] if name]
    if not scans:
        return None
    if node.constant(0) is None:
        return f"it collects {', '.join(scans)} over a number of rounds that is not a constant"
    return None


def _loop(node: Node, target: Target) -> str | None:
    return f"{node.op} runs its body round by round, without fusion across rounds"


def _carried(graph: GraphView, target: Target) -> Iterator[Problem]:
    for node in graph.of("Loop"):
        body = next((scope for scope in graph.scopes if scope.owner is node), None)
        if body is None:
            continue
        inputs, outputs = body.graph.input[2:], body.graph.output[1:]
        for position, (before, after) in enumerate(zip(inputs, outputs, strict=False), 2):
            first, last = node.shape(position), _tensor(body, after).shape
            if first is not None and last is not None and _differ(first, last):
                yield Problem(
                    f"{before.name!r} enters as {list(first)} and leaves a round as {list(last)}",
                    node,
                )


def _differ(left: tuple[object, ...], right: tuple[object, ...]) -> bool:
    return len(left) != len(right) or any(
        isinstance(a, int) and isinstance(b, int) and a != b
        for a, b in zip(left, right, strict=True)
    )


def _functions(graph: GraphView, target: Target) -> Iterator[Problem]:
    for function in graph.model.functions:
        name = f"{function.domain}::{function.name}"
        yield Problem(f"the model defines the function {name}", place=name)


RULES = registry(
    Rule(
        "if-shapes",
        GRAPH,
        "Both branches of an If must give outputs of one shape, unless its condition is constant.",
        f"{NOTES_1011}; {issue(2846)}; {issue(4603)}",
        _shapes,
        INLINE,
        span=Span(before=(10, 11)),
    ),
    Rule(
        "if-ranks",
        GRAPH,
        "Both branches of an If must give outputs of one rank, unless its condition is constant.",
        f"{NOTES_1011}; {OPERATORS_101}",
        _ranks,
        INLINE,
        span=Span((10, 11)),
    ),
    Rule(
        "if-outputs",
        GRAPH,
        "Both branches of an If must have the same number of outputs.",
        CHECKERS_101,
        each("If", _numbers),
        "give both branches the same outputs",
    ),
    Rule(
        "if-names",
        GRAPH,
        "Outputs of the two branches of an If must have different names.",
        OPERATORS_101,
        each("If", _names),
        "rename the output of one branch",
    ),
    Rule(
        "loop-scans",
        GRAPH,
        "A Loop that collects outputs must run a constant number of rounds.",
        f"{OPERATORS_101}; {CHANGES} (10.11.0)",
        each("Loop", _scan_outputs),
        "fix the number of rounds, or write the loop out",
    ),
    Rule(
        "loop-carried",
        GRAPH,
        "What a Loop carries must keep its shape.",
        OPERATORS_101,
        _carried,
        "pad it to its largest shape before the loop",
    ),
    Rule(
        "loop-slow",
        GRAPH,
        "Loops are slow.",
        IMPORTERS_86,
        each("Loop Scan", _loop),
        "write the loop out where the number of rounds is fixed",
        severity=Severity.WARN,
    ),
    Rule(
        "functions",
        GRAPH,
        "The model must not define functions.",
        PARSER_CHANGES,
        _functions,
        "inline them",
        span=Span(before=(9, 0)),
    ),
)
