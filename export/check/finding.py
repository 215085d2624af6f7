"""What the check says: findings, and the report that holds them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from .versions import Target, release_text


class Severity(str, Enum):
    """Say how bad a finding is."""

    FAIL = "fail"
    """TensorRT refuses the graph, or runs it with other results."""
    WARN = "warn"
    """It runs, but not as one may expect; what to know before relying on it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """State what is wrong with one node, or with the whole graph.

    Attributes:
        rule: Id of the rule that was broken.
        layer: Layer of the rule: ``operator``, ``node``, ``graph`` or ``precision``.
        severity: Whether it fails the check.
        node: Name of the node, or of the tensor where the rule is about one.
        op: Its operator; empty for a tensor or the graph.
        reason: What is wrong, with the values found.
        fix: What to do about it.
        source: Where this is written: file and commit, or page.
        automatic: Whether `--fix` may repair it.
    """

    rule: str
    layer: str
    severity: Severity
    node: str
    op: str
    reason: str
    fix: str
    source: str
    automatic: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self) | {"severity": self.severity.value}


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Hold what the check of one graph found.

    Attributes:
        target: What it was checked for.
        nodes: Nodes of the graph, those of branches included.
        rules: Rules that apply to the target.
        findings: Failures first, then in the order of the graph's rules.
    """

    target: Target
    nodes: int
    rules: int
    findings: tuple[Finding, ...]

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Return the findings that fail the check."""
        return tuple(found for found in self.findings if found.severity is Severity.FAIL)

    @property
    def passed(self) -> bool:
        """Tell whether TensorRT would parse and run the graph, as far as the rules know."""
        return not self.failures

    def lines(self) -> tuple[str, ...]:
        """Return the findings for people: one line a rule, with the first place that breaks it."""
        groups: dict[tuple[Severity, str], list[Finding]] = {}
        for found in self.findings:
            groups.setdefault((found.severity, found.rule), []).append(found)
        return tuple(_line(group) for group in groups.values())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "tensorrt": release_text(self.target.release),
            "precision": self.target.precision,
            "note": self.target.note,
            "passed": self.passed,
            "nodes": self.nodes,
            "rules": self.rules,
            "findings": [found.to_dict() for found in self.findings],
        }


def _line(group: list[Finding]) -> str:
    first = group[0]
    where = " ".join(filter(None, (first.op, first.node)))
    more = f" (and {len(group) - 1} more)" if len(group) > 1 else ""
    return (
        f"{first.severity.value}: {where}{more}: {first.reason}; fix: {first.fix} "
        f"[{first.rule}: {first.source}]"
    )
