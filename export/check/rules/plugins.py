"""Layer 3: operators outside the standard, which the parser looks for among the plugins."""

from __future__ import annotations

from collections.abc import Iterator

from ..finding import Severity
from ..graph import GraphView, Node
from ..rule import GRAPH, Problem, Rule, registry
from ..versions import Release, Target, release_text
from .operator_table import REFUSED, first_release
from .plugin_table import FOREIGN, LIVES, TENSORRT_OPS
from .sources import CHANGES, CHECKERS_101, PLUGINS, issue

_FALLBACK = f"{CHECKERS_101} (FallbackPluginImporter); {issue(2758, 'open-mmlab/mmdeploy')}"
_STANDARD_FIRST: Release = (10, 0)


def _foreign(graph: GraphView) -> Iterator[tuple[Node, str]]:
    """Yield the nodes that only a plugin can run, with the plugin's name."""
    for node in graph.nodes:
        name = node.proto.op_type
        unknown = first_release(name) is None and name not in REFUSED
        if "::" in node.op or (unknown and name in LIVES):
            yield node, name


def _missing(graph: GraphView, target: Target) -> Iterator[Problem]:
    for node, name in _foreign(graph):
        problem = _fate(node, name, target.release)
        if problem is not None:
            yield problem


def _fate(node: Node, name: str, release: Release) -> Problem | None:
    life = LIVES.get(name)
    if name in TENSORRT_OPS and release >= _STANDARD_FIRST:
        return None
    if life is None:
        origin = FOREIGN.get(name)
        whose = f"a plugin of {origin}" if origin else "no plugin that ships with TensorRT"
        return Problem(
            f"{node.op} is {whose}",
            node,
            fix="export with standard operators, or build and load its plugin for this release",
            source=_FALLBACK,
        )
    if release < life.since:
        return Problem(f"the plugin {name} came with {release_text(life.since)}", node)
    if life.removed is not None and release >= life.removed:
        return Problem(f"the plugin {name} was removed in {release_text(life.removed)}", node)
    return None


def _ageing(graph: GraphView, target: Target) -> Iterator[Problem]:
    for node, name in _foreign(graph):
        life = LIVES.get(name)
        if life is None or life.deprecated is None or target.release < life.deprecated:
            continue
        if life.removed is None or target.release < life.removed:
            end = "" if life.removed is None else f", removed in {release_text(life.removed)}"
            since = release_text(life.deprecated)
            yield Problem(f"the plugin {name} is deprecated since {since}{end}", node)


RULES = registry(
    Rule(
        "plugin-present",
        GRAPH,
        "Operators outside the standard must be plugins that the release ships.",
        f"{PLUGINS}; {CHANGES}",
        _missing,
        "use NonMaxSuppression, RoiAlign and other standard operators, which 8.5 and later take",
    ),
    Rule(
        "plugin-deprecated",
        GRAPH,
        "Plugins should not be deprecated.",
        CHANGES,
        _ageing,
        "use standard operators",
        severity=Severity.WARN,
    ),
)
