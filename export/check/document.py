"""The document of the rules, written from the rules themselves."""

from __future__ import annotations

from collections.abc import Iterator

from .fixes import FIXES
from .rules import LAYERS, RULES, Rule
from .rules.operator_table import LETTERS, OPERATORS, REFUSED
from .versions import RELEASES, release_text

_HEAD = """\
# The static TensorRT check

Written from the rules by `python -c "import export.check as c; print(c.rules_document())"`; \
do not edit.

`detfit check MODEL.onnx --tensorrt 8.6` says whether a release of TensorRT would parse and run \
a graph, without a GPU and without TensorRT. It knows {releases}. A finding that *fails* means \
that the parser or the builder refuses the graph, or that the engine would give other results; \
one that *warns* is something to know before relying on the engine. `--precision fp16` adds the \
last layer. `--fix -o OUT.onnx` writes a repaired copy: each fix is kept only if onnxruntime \
gives the same outputs before and after, on noise and on zeros.

What the check cannot see: memory, tactics, shapes that only the data decides, plugins of others, \
and bugs of one release. Nothing here was measured on TensorRT.
"""

_TITLES = {
    "operator": "Operator, release, element type",
    "node": "Single nodes",
    "graph": "The whole graph",
    "precision": "Half precision",
}


def rules_document() -> str:
    """Return docs/tensorrt-check.md: every rule with its releases and its source, every fix."""
    known = f"{release_text(RELEASES[0])} to {release_text(RELEASES[-1])}"
    parts = [_HEAD.format(releases=known)]
    for layer in LAYERS:
        rules = [rule for rule in RULES.values() if rule.layer == layer]
        parts.append("\n".join((f"## {_TITLES[layer]}\n", *_rule_rows(rules))) + "\n")
    parts.append("\n".join(("## Fixes\n", *_fix_rows())) + "\n")
    parts.append("\n".join(("## Operators\n", *_operator_rows())) + "\n")
    return "\n".join(parts).rstrip()


def _rule_rows(rules: list[Rule]) -> Iterator[str]:
    yield "| rule | releases | severity | what is asked | otherwise | source |"
    yield "|---|---|---|---|---|---|"
    for rule in rules:
        cells = (
            f"`{rule.id}`",
            str(rule.span),
            rule.severity.value,
            rule.summary,
            rule.fix,
            rule.source,
        )
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _fix_rows() -> Iterator[str]:
    yield "| fix | what it does | for the rules |"
    yield "|---|---|---|"
    for fix in FIXES.values():
        rules = ", ".join(f"`{rule}`" for rule in fix.rules)
        yield f"| `{fix.name}` | {fix.summary} | {rules} |"


def _operator_rows() -> Iterator[str]:
    letters = ", ".join(f"{letter} {name}" for letter, name in LETTERS.items())
    yield f"Types from each release on: {letters}. Never taken: {', '.join(sorted(REFUSED))}.\n"
    yield "| operator | types |"
    yield "|---|---|"
    for op, row in OPERATORS.items():
        yield f"| {op} | {row.replace(' | ', '; ')} |"
