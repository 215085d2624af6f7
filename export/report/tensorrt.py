"""What a report says of TensorRT: the findings of the static check, release by release."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ..gate.outcome import Outcome
from .markup import details, html_table, note, table, verdict_word

if TYPE_CHECKING:
    from ..check import CheckReport, Finding, Target
    from ..check.versions import Release

RELEASES = ("8.6", "10.4", "11.x")
"""Checked where no other are asked for: the last release for GPUs before Volta, the last one for
Volta (V100), and the newest."""

HEADS = ("severity", "where", "why", "what to do", "rule")


def wanted_releases(engine: str, version: str, asked: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the releases that the report of an engine speaks of, its own one first.

    Args:
        engine: Name of the engine.
        version: Of its runtime, such as ``10.4.0 (timing cache empty)``.
        asked: Releases that the caller asked for; the usual ones where none is.
    """
    from ..check import CheckError, parse_target

    chosen = tuple(asked) or RELEASES
    if engine != "tensorrt":
        return chosen
    own = version.partition(" ")[0]
    try:
        parse_target(own)
    except CheckError:  # no rules are known for it, which is no reason to refuse the engine
        return chosen
    return (own, *chosen)


def check_releases(
    model: Path, precision: str = "fp32", releases: Sequence[str] = RELEASES
) -> tuple[CheckReport, ...]:
    """Check an ONNX model for several releases of TensorRT.

    Args:
        model: The file.
        precision: Of the engine; ``fp16`` adds the hazards of half precision.
        releases: Such as ``8.6``, ``10.4`` or ``11.x``.

    Raises:
        CheckError: It is no ONNX model, or no rules are known for a release.
        OSError: It cannot be read.
    """
    from ..check import PRECISIONS, check_model, parse_target, read_model

    checked = precision if precision in PRECISIONS else PRECISIONS[0]
    targets: dict[Release, Target] = {}
    for target in (parse_target(release, checked) for release in releases):
        targets.setdefault(target.release, target)  # 10.4 and 10.4.0 are one
    graph = read_model(model)
    return tuple(check_model(graph, target) for target in targets.values())


def tensorrt_html(reports: Sequence[CheckReport]) -> str:
    """Return whether each release would parse and run the graph, and what stands in the way."""
    if not reports:
        return ""
    text = (
        "Whether a release would parse and run model.onnx, by the static rules of `detfit check`. "
        "They run no TensorRT: latency and accuracy are not measured by them."
    )
    rows = [
        (
            escape(str(report.target)),
            verdict_word(Outcome.PASS if report.passed else Outcome.FAIL),
            str(len(report.failures)),
            str(len(report.findings) - len(report.failures)),
            escape(report.target.note or "-"),
        )
        for report in reports
    ]
    heads = ("release", "outcome", "failures", "warnings", "remark")
    parts = [note(text), html_table("Releases of TensorRT", heads, rows, wrap=(4,))]
    parts += [_findings(report) for report in reports if report.findings]
    return "\n".join(parts)


def _findings(report: CheckReport) -> str:
    groups: dict[tuple[str, str], list[Finding]] = {}
    for found in report.findings:
        groups.setdefault((found.severity.value, found.rule), []).append(found)
    rows = [_row(group) for group in groups.values()]
    summary = f"{report.target}: {len(report.findings)} findings"
    return details(summary, table(summary, HEADS, rows, wrap=(1, 2, 3, 4)))


def _row(group: Sequence[Finding]) -> tuple[str, ...]:
    """Return one line a rule, with the first place that breaks it."""
    first = group[0]
    more = f" and {len(group) - 1} more" if len(group) > 1 else ""
    where = f"{first.op} {first.node}".strip() + more
    return first.severity.value, where, first.reason, first.fix, f"{first.rule}: {first.source}"
