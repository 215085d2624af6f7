"""Sections that every kind of report has: header, verdict, charts, where numbers come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from ..gate.outcome import GateVerdict
from ..records.latency import MeasuredLatency, PredictedLatency
from .data import AgreementMark, Front, FrontMark, ReportData
from .markup import details, note, points, table, verdict_word

Pairs = Sequence[tuple[str, str]]
"""Names and values."""


def header_html(data: ReportData) -> str:
    """Return title, subject and the key figures."""
    tiles = list(_tiles(data))
    figures = "".join(
        f"<div><dt>{escape(name)}</dt><dd{_class(style)}>{escape(value)}"
        f"<small>{escape(remark)}</small></dd></div>\n"
        for name, value, remark, style in tiles
    )
    grid = f'<dl class="figures">\n{figures}</dl>\n' if tiles else ""
    return (
        f"<header>\n<h1>{escape(data.title)}</h1>\n"
        f'<p class="subject">{escape(data.subject)}</p>\n{grid}</header>'
    )


def contents_html(sections: Iterable[tuple[str, str]]) -> str:
    """Return links to the sections, given their keys and titles."""
    links = "".join(f'<li><a href="#{key}">{escape(title)}</a></li>\n' for key, title in sections)
    return f'<nav aria-label="Sections">\n<ul>\n{links}</ul>\n</nav>'


def verdict_html(verdict: GateVerdict | None) -> str:
    """Return the outcome with one line per check; nothing without a verdict."""
    if verdict is None:
        return ""
    checks = "".join(
        f"<dt>{escape(check.name)} {verdict_word(check.outcome)}</dt>"
        f"<dd>{escape(check.reason)}</dd>\n"
        for check in verdict.checks
    )
    return (
        f'<p class="note">The engine\'s verdict is {verdict_word(verdict.outcome)}.</p>\n'
        f'<dl class="checks">\n{checks}</dl>'
    )


def fronts_html(fronts: Iterable[Front], charts: Iterable[str]) -> str:
    """Return what a search evaluated against every cost: a chart and the best as a table of each.

    Args:
        fronts: The first is the one that the choice was made on.
        charts: One for each.
    """
    pairs = [(front, chart) for front, chart in zip(fronts, charts, strict=True) if front.marks]
    return "\n".join(_front_html(*pair, first=not place) for place, pair in enumerate(pairs))


def _front_html(front: Front, chart: str, *, first: bool) -> str:
    best = sorted((m for m in front.marks if m.chosen or not m.dominated), key=lambda m: m.cost)
    told = any(m.interval is not None for m in best)
    rows = [
        (
            m.label,
            front.show_cost(m.cost),
            *((_ends(front, m.interval),) if told else ()),
            f"{m.accuracy:.2f}",
            "chosen" if m.chosen else "",
        )
        for m in best
    ]
    interval = ("90 % interval",) if told else ()
    heads = ("architecture", front.cost_title, *interval, front.accuracy_name, "choice")
    listed = table(f"The front against {front.cost_name}", heads, rows, wrap=(0,))
    text = _front_note(front, told) if first else f"The front against {front.cost_name}."
    return note(text) + chart + details(f"The front against {front.cost_name} as a table", listed)


def _front_note(front: Front, told: bool) -> str:
    failed = f" {front.failed} evaluations failed." if front.failed else ""
    bars = " Bars are the 90 % intervals of the predictions." if told else ""
    return (
        f"{len(front.marks)} architectures were evaluated.{failed} Up and to the left is "
        f"better; grey ones are dominated.{bars}"
    )


def _ends(front: Front, interval: tuple[float, float] | None) -> str:
    return "-" if interval is None else " to ".join(map(front.show_cost, interval))


def agreement_html(marks: Sequence[AgreementMark], chart: str) -> str:
    """Return predictions beside measurements: their chart and a table."""
    if not marks:
        return ""
    rows = [
        (
            m.label,
            f"{m.predicted_ms:.3f}",
            f"{m.measured_ms:.3f}",
            f"{m.predicted_ms / m.measured_ms - 1:+.1%}",
            m.group,
        )
        for m in marks
    ]
    heads = ("detector", "predicted ms", "measured ms", "error", "kind")
    listed = table("Predicted and measured detectors", heads, rows, wrap=(0,))
    return chart + details("The points as a table", listed)


def provenance_html(provenance: Pairs, files: Pairs) -> str:
    """Return what the numbers depend on, and the hashes of the files."""
    if not provenance:
        return ""
    body = table("What the numbers depend on", ("name", "value"), provenance, wrap=(1,))
    if not files:
        return body
    listed = table("Files and their hashes", ("file", "SHA-256"), files, wrap=(1,))
    return body + details(f"SHA-256 of {len(files)} files", listed)


def commands_html(commands: Sequence[str]) -> str:
    """Return the command lines."""
    if not commands:
        return ""
    text = escape("\n".join(commands))
    return f'<pre tabindex="0" role="region" aria-label="Command lines">{text}</pre>'


def footer_html(missing: Sequence[str]) -> str:
    """Return which sections the page does not have, for want of data."""
    return note(f"Not part of this report: {', '.join(missing)}.") if missing else ""


def _tiles(data: ReportData) -> Iterable[tuple[str, str, str, str]]:
    """Yield name, value, note and style of the key figures that there are."""
    if data.verdict is not None:
        outcome = data.verdict.outcome
        yield "verdict", str(outcome), f"{len(data.verdict.checks)} checks", outcome.name
    if data.predicted is not None:
        yield "predicted", f"{data.predicted.p50_ms:.2f} ms", _interval(data.predicted), ""
    if data.measured is not None:
        yield "measured", f"{data.measured.median_ms:.2f} ms", _measured_note(data.measured), ""
    if data.budget_ms is not None:
        yield "budget", f"{data.budget_ms:.4g} ms", "upper limit", ""
    for mark in data.front.marks if data.front is not None and data.verdict is None else ():
        if mark.chosen:
            yield "chosen", mark.label, _chosen_note(data.front, mark), ""
    if len(data.agreement) > 1:
        errors = [abs(m.predicted_ms / m.measured_ms - 1) for m in data.agreement]
        share = sum(errors) / len(errors)
        yield "prediction error", f"{share:.1%}", f"mean of {len(errors)} detectors", ""
    if data.accuracy is not None and data.accuracy.rows:
        row = data.accuracy.rows[0]
        yield f"{row.metric} of the engine", points(row.engine), f"torch {points(row.torch)}", ""
    if data.parity is not None:
        value = f"{data.parity.matched_fraction:.1%}"
        yield "same detections", value, f"torch and engine, IoU {data.parity.iou:g}", ""


def _chosen_note(front: Front | None, mark: FrontMark) -> str:
    cost = "" if front is None else f" at {front.show_cost(mark.cost)} {front.cost_unit}".rstrip()
    return f"{mark.accuracy:.2f}{cost}"


def _interval(predicted: PredictedLatency) -> str:
    return f"{predicted.lo_ms:.2f} to {predicted.hi_ms:.2f} ms"


def _measured_note(measured: MeasuredLatency) -> str:
    return f"p99 {measured.p99_ms:.2f} ms, {measured.n} samples"


def _class(style: str) -> str:
    return f' class="{style}"' if style else ""
