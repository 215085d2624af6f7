"""A rule: what to look for, in which releases, why it matters, and where that is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from .finding import Severity
from .graph import GraphView, Node
from .versions import EVERY, Span, Target

OPERATOR, NODE, GRAPH, PRECISION = LAYERS = ("operator", "node", "graph", "precision")


@dataclass(frozen=True, slots=True)
class Problem:
    """State one place that breaks a rule.

    Attributes:
        reason: What is wrong, with the values found.
        node: The node; None if it is a tensor or the whole graph.
        place: Name of the tensor where there is no node.
        fix: What to do here, if the rule's own advice does not fit.
        severity: How bad it is here, if not as the rule says.
        source: Where this is written, if not where the rule says.
    """

    reason: str
    node: Node | None = None
    place: str = ""
    fix: str = ""
    severity: Severity | None = None
    source: str = ""


Find = Callable[[GraphView, Target], Iterable[Problem]]
Reason = Callable[[Node, Target], str | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """Hold one rule.

    Attributes:
        id: Short name, unique.
        layer: One of `LAYERS`.
        summary: What a graph must not do, in one sentence.
        source: File and commit, or page, where this is written.
        find: Yields the places that break it; called for applicable targets only.
        fix: What to do about it.
        severity: How bad it is.
        span: Releases that it applies to.
        precision: Precision that it applies to; None for all.
    """

    id: str
    layer: str
    summary: str
    source: str
    find: Find
    fix: str
    severity: Severity = Severity.FAIL
    span: Span = EVERY
    precision: str | None = None

    def applies(self, target: Target) -> bool:
        """Tell whether the rule speaks of a target."""
        return target.release in self.span and self.precision in (None, target.precision)


def each(ops: str, reason_of: Reason) -> Find:
    """Return a search that asks the same question of every node with one of some operators.

    Args:
        ops: Operators, separated by blanks.
        reason_of: Returns what is wrong with a node, or None.
    """

    def find(graph: GraphView, target: Target) -> Iterator[Problem]:
        for node in graph.of(*ops.split()):
            reason = reason_of(node, target)
            if reason is not None:
                yield Problem(reason, node)

    return find


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


def registry(*rules: Rule) -> dict[str, Rule]:
    """Return rules by id.

    Raises:
        ValueError: Two have the same id.
    """
    found = {rule.id: rule for rule in rules}
    if len(found) != len(rules):
        raise ValueError("two rules have the same id")
    return found
