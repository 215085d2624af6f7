"""One self-contained HTML file: works offline, in light and dark, on a screen and a phone."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from string import Template

from .charts import Figure, agreement_figure, breakdown_figure, front_figure
from .errors import ExportError, ReportError
from .files import sha256_of, write_atomically
from .machine import detfit_version
from .records import Artifact
from .report_data import ReportData
from .report_parts import (
    accuracy_html,
    agreement_table,
    breakdown_table,
    commands_html,
    front_table,
    header_html,
    note,
    provenance_html,
    samples_html,
    verdict_html,
)

PAGE = "report_page.html"


def write_report(path: str | Path, data: ReportData) -> Artifact:
    """Write a report as one HTML file that needs nothing else, atomically.

    Args:
        path: The file to write.
        data: What to show; a section without data says so.

    Raises:
        ReportError: The file cannot be written.
    """
    path = Path(path)
    content = report_html(data).encode()
    try:
        write_atomically(path, content)
    except ExportError as error:
        raise ReportError(str(error)) from error
    return Artifact(path, sha256_of(content), len(content))


def report_html(data: ReportData) -> str:
    """Return the page of a report."""
    figures = _figures(data)
    page = Path(__file__).with_name(PAGE).read_text(encoding="utf-8")
    return Template(page).substitute(
        title=escape(data.title),
        version=escape(detfit_version()),
        body="\n".join(
            (
                header_html(data),
                _section("Verdict", verdict_html(data.verdict)),
                _front_section(data, figures),
                _agreement_section(data, figures),
                _breakdown_section(data, figures),
                _section("Accuracy", accuracy_html(data.accuracy, data.parity)),
                _section("Detections", samples_html(data.samples)),
                _section("Where the numbers come from", provenance_html(data.provenance)),
                _section("Commands", commands_html(data.commands)),
            )
        ),
        scripts=_scripts(figures),
    )


def _figures(data: ReportData) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    if data.front is not None and data.front.marks:
        figures["front"] = front_figure(data.front)
    if data.agreement:
        figures["agreement"] = agreement_figure(data.agreement)
    if data.predicted is not None and data.predicted.breakdown:
        figures["breakdown"] = breakdown_figure(data.predicted.breakdown)
    return figures


def _front_section(data: ReportData, figures: dict[str, Figure]) -> str:
    if data.front is None or "front" not in figures:
        return _section("Front", note("No search is part of this report."))
    failed = f" {data.front.failed} evaluations failed." if data.front.failed else ""
    text = (
        f"{len(data.front.marks)} architectures were evaluated.{failed} Up and to the left is "
        "better; grey ones are dominated."
    )
    return _section("Front", note(text) + _chart("front", figures) + front_table(data.front))


def _agreement_section(data: ReportData, figures: dict[str, Figure]) -> str:
    title = "Predicted against measured"
    if "agreement" not in figures:
        return _section(title, note("No whole detector was both predicted and measured."))
    body = _chart("agreement", figures) + agreement_table(data.agreement)
    return _section(title, body)


def _breakdown_section(data: ReportData, figures: dict[str, Figure]) -> str:
    title = "Where the time goes"
    if data.predicted is None or "breakdown" not in figures:
        return _section(title, note("No latency was predicted module by module."))
    text = note("Predicted milliseconds of every module of the chosen detector, as it runs.")
    table = breakdown_table(data.predicted.breakdown)
    return _section(title, text + _chart("breakdown", figures) + table)


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{body}\n</section>"


def _chart(name: str, figures: dict[str, Figure]) -> str:
    height = figures[name]["layout"]["height"]
    return f'<div class="chart" id="{name}" style="height: {height}px"></div>\n'


def _scripts(figures: dict[str, Figure]) -> str:
    if not figures:
        return ""
    from plotly.offline import get_plotlyjs

    blocks = [f"<script>{get_plotlyjs()}</script>"]
    for name, figure in figures.items():
        # Inside a script element only "</" and "<!--" could end it early.
        text = json.dumps(figure, allow_nan=False).replace("<", "\\u003c")
        blocks.append(f'<script type="application/json" id="{name}-data">{text}</script>')
    return "\n".join(blocks)
