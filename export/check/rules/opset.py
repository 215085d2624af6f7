"""Layer 3: operator sets newer or older than a release is documented for.

The parser does not refuse a newer operator set; it reads newer forms of operators as the forms
that it knows. What differs between the two is looked up in the operators' schemas, so that nodes
fail only if they use what came after the release.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import onnx

from ..finding import Severity
from ..graph import GraphView, Node
from ..rule import GRAPH, Problem, Rule, registry
from ..versions import Release, Target, release_text
from .sources import CHANGES, IMPORTERS_86, OPERATORS_84, OPERATORS_101, OPERATORS_1015

CEILINGS: tuple[tuple[Release, int], ...] = (
    ((8, 4), 17),
    ((9, 0), 19),
    ((10, 0), 20),
    ((10, 9), 21),
    ((10, 14), 23),
    ((10, 15), 24),
)
"""Newest operator set of each release: by the parser's docs/operators.md of 8.4 to 10.1, 10.15
and 11.1; else by what CHANGELOG.md adds (GroupNormalization 21 in 10.9, Attention in 10.14)."""

OLDEST_DOCUMENTED = 9
NEWEST_SCHEMA = onnx.defs.onnx_opset_version()


def ceiling(release: Release) -> int:
    """Return the newest operator set that a release is documented for."""
    return next(opset for since, opset in reversed(CEILINGS) if since <= release)


def _newer_forms(graph: GraphView, target: Target) -> Iterator[Problem]:
    known, used = ceiling(target.release), min(graph.opset, NEWEST_SCHEMA)
    if graph.opset <= known:
        return
    for node in graph.nodes:
        if "::" not in node.op:
            news = _news(node, known, used)
            if news:
                yield Problem(
                    f"it is of opset {graph.opset} and {news}; TensorRT "
                    f"{release_text(target.release)} reads it as of opset {known}",
                    node,
                    fix=f"export with opset {known}",
                )


def _news(node: Node, known: int, used: int) -> str | None:
    """Return what a node uses that the known form of its operator does not have."""
    attributes, inputs, defaults = _difference(node.op, known, used)
    more = sorted(attributes & set(node.attributes))
    if more:
        return f"has the attribute {more[0]}"
    for index, name in inputs:
        if node.input(index) is not None:
            return f"has the operand {name}"
    left_out = sorted(name for name in defaults if name not in node.attributes)
    return f"relies on another default of {left_out[0]}" if left_out else None


_Difference = tuple[frozenset[str], tuple[tuple[int, str], ...], frozenset[str]]


@lru_cache(maxsize=4096)
def _difference(op: str, known: int, used: int) -> _Difference:
    """Return attributes and operands that came later, and attributes whose default changed."""
    try:
        old = onnx.defs.get_schema(op, known)
        new = onnx.defs.get_schema(op, used)
    except onnx.defs.SchemaError:
        return frozenset(), (), frozenset()  # it did not exist: the operator table's affair
    if old.since_version == new.since_version:
        return frozenset(), (), frozenset()
    attributes = frozenset(new.attributes) - frozenset(old.attributes)
    names = [item.name for item in new.inputs]
    inputs = tuple((i, name) for i, name in enumerate(names) if i >= old.max_input)
    both = frozenset(new.attributes) & frozenset(old.attributes)
    changed = frozenset(
        name
        for name in both
        if new.attributes[name].default_value != old.attributes[name].default_value
    )
    return attributes, inputs, changed


def _newer(graph: GraphView, target: Target) -> Iterator[Problem]:
    known = ceiling(target.release)
    if graph.opset > known:
        yield Problem(
            f"the model is of opset {graph.opset}, TensorRT {release_text(target.release)} is "
            f"documented up to {known}",
            place="opset_import",
            fix=f"export with opset {known}",
        )


def _older(graph: GraphView, target: Target) -> Iterator[Problem]:
    if graph.opset < OLDEST_DOCUMENTED:
        yield Problem(f"the model is of opset {graph.opset}", place="opset_import")


_SOURCE = f"{OPERATORS_84}; {OPERATORS_101}; {OPERATORS_1015}; {CHANGES}"

RULES = registry(
    Rule(
        "opset-forms",
        GRAPH,
        "Nodes must not use what came with an operator set newer than the release's.",
        f"{_SOURCE}; schemas of onnx",
        _newer_forms,
        "export with an older opset",
    ),
    Rule(
        "opset-ceiling",
        GRAPH,
        "The operator set should not be newer than the release is documented for.",
        _SOURCE,
        _newer,
        "export with an older opset",
        severity=Severity.WARN,
    ),
    Rule(
        "opset-floor",
        GRAPH,
        f"The operator set should be {OLDEST_DOCUMENTED} at least.",
        f"{OPERATORS_101}; {IMPORTERS_86}",
        _older,
        "export with opset 17",
        severity=Severity.WARN,
    ),
)
