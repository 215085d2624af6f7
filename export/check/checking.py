"""The check itself: every applicable rule looks at the graph once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from .errors import CheckError
from .finding import CheckReport, Finding, Severity
from .fixes import FIXES
from .graph import GraphView
from .rules import LAYERS, RULES, Rule
from .versions import Target

AUTOMATIC = frozenset(rule for fix in FIXES.values() for rule in fix.rules)


def check_model(model: onnx.ModelProto, target: Target) -> CheckReport:
    """Say whether TensorRT would parse and run a model.

    Args:
        model: The model; it is not changed.
        target: Release and precision.

    Returns:
        What was found, failures first.

    Raises:
        CheckError: The model has no graph that can be read.
    """
    if not model.HasField("graph") or not model.graph.output:
        raise CheckError("the file holds no graph with outputs: is it an ONNX model?")
    rules = [rule for rule in RULES.values() if rule.applies(target)]
    try:
        view = GraphView(model)
        found = [finding for rule in rules for finding in _findings(rule, view, target)]
    except (TypeError, ValueError, KeyError) as error:
        not_text = isinstance(error, UnicodeDecodeError)
        damage = "a text in it is not UTF-8" if not_text else _damage(model)
        if isinstance(error, CheckError) or not damage:
            raise
        raise CheckError(f"the model is damaged: {damage}") from error
    found.sort(key=lambda item: (item.severity is Severity.WARN, LAYERS.index(item.layer)))
    return CheckReport(target, len(view.nodes), len(rules), tuple(found))


def read_model(path: str | Path) -> onnx.ModelProto:
    """Read an ONNX file, with the data that stands beside it.

    Raises:
        CheckError: It is no ONNX model, or its data is missing.
        OSError: It cannot be read.
    """
    try:
        return onnx.load(path, format="protobuf")  # whatever its name ends in
    except (DecodeError, onnx.checker.ValidationError) as error:
        reason = " ".join(str(error).split()) or "it cannot be decoded"
        raise CheckError(f"{path} is not an ONNX model: {reason}") from error


def _damage(model: onnx.ModelProto) -> str:
    """Return what makes a model no model; empty if nothing does."""
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, TypeError, ValueError) as error:
        return " ".join(str(error).split())[:200]
    names = (name for node in model.graph.node for name in (node.op_type, node.name))
    return "a name is not UTF-8" if any(isinstance(name, bytes) for name in names) else ""


def _findings(rule: Rule, view: GraphView, target: Target) -> Iterator[Finding]:
    for problem in rule.find(view, target):
        node = problem.node
        yield Finding(
            rule=rule.id,
            layer=rule.layer,
            severity=problem.severity or rule.severity,
            node=problem.place if node is None else node.name,
            op="" if node is None else node.op,
            reason=problem.reason,
            fix=problem.fix or rule.fix,
            source=problem.source or rule.source,
            automatic=rule.id in AUTOMATIC,
        )
