"""One self-contained HTML file: works offline, in light and dark, on a screen and a phone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template

from ..errors import ExportError, ReportError
from ..files import sha256_of, write_atomically
from ..machine import detfit_version
from ..records.engine import Artifact
from .accuracy import accuracy_html
from .baselines_view import baselines_figure, baselines_html
from .chart_layout import Figure
from .charts import (
    agreement_figure,
    breakdown_figure,
    comparison_figure,
    difference_figure,
    front_figure,
)
from .correlations import correlations_html
from .course import course_html, volume_figure
from .data import Front, ReportData
from .family import family_figure, family_html
from .latency import latency_html
from .markup import section
from .parts import (
    agreement_html,
    commands_html,
    contents_html,
    footer_html,
    fronts_html,
    header_html,
    provenance_html,
    verdict_html,
)
from .pictures import samples_html
from .precision import precision_html
from .sections import CERTIFICATES, TENSORRT, certificates_html
from .tensorrt import tensorrt_html

PAGE = "page.html"

Section = tuple[str, str, str]
"""Id, title and content; without content the page does not have it."""

ALT = {
    "front": "Chart of cost against accuracy; the table below lists the front",
    "baselines": "Chart of predicted latency against published AP; the table below lists them",
    "course": "Chart of the hypervolume against the number of evaluations; it never falls",
    "family": "Chart of lines from parents to children; the table below lists every step",
    "differences": "Chart of the differences of AP with their intervals, as in the table above",
    "breakdown": "Chart of the milliseconds of every module; the table below lists them",
    "agreement": "Chart of predicted against measured latency; the table below lists the points",
}
"""What a chart shows, for who does not see it."""


def write_report(path: str | Path, data: ReportData) -> Artifact:
    """Write a report as one HTML file that needs nothing else, atomically.

    Args:
        path: The file to write.
        data: What to show; sections without data are left out, and named at the end.

    Raises:
        ReportError: The file cannot be written.
    """
    return write_page(path, report_html(data))


def write_page(path: str | Path, page: str) -> Artifact:
    """Write a finished page atomically.

    Raises:
        ReportError: The file cannot be written.
    """
    path, content = Path(path), page.encode()
    try:
        write_atomically(path, content)
    except ExportError as error:
        raise ReportError(str(error)) from error
    return Artifact(path, sha256_of(content), len(content))


def report_html(data: ReportData) -> str:
    """Return the page of a report."""
    figures = _figures(data)
    sections = _sections(data, {name: _chart(name, figure) for name, figure in figures.items()})
    shown = [item for item in sections if item[2]]
    page = Path(__file__).with_name(PAGE).read_text(encoding="utf-8")
    return Template(page).substitute(
        title=escape(data.title),
        version=escape(detfit_version()),
        header=header_html(data),
        contents=contents_html((key, title) for key, title, _ in shown),
        sections="\n".join(section(*item) for item in shown),
        footer=footer_html([title for _, title, body in sections if not body]),
        scripts=_scripts(figures),
    )


def _sections(data: ReportData, charts: Mapping[str, str]) -> tuple[Section, ...]:
    """Return every section in reading order."""
    chart, fronts = defaultdict(str, charts), _fronts(data)
    return (
        ("verdict", "Verdict", verdict_html(data.verdict)),
        ("front", "Front", fronts_html(fronts.values(), map(chart.__getitem__, fronts))),
        (
            "baselines",
            "Beside published models",
            baselines_html(data.baselines, chart["baselines"]),
        ),
        ("course", "How the search went", course_html(data.course, chart["course"])),
        ("family", "Where the front came from", family_html(data.family, chart["family"])),
        ("correlations", "What goes with what", correlations_html(data.correlations)),
        ("accuracy", "Accuracy", accuracy_html(data.accuracy, data.parity, chart["differences"])),
        ("precision", "Precision", precision_html(data.precision)),
        ("latency", "Where the time goes", latency_html(data, chart["breakdown"])),
        (
            "agreement",
            "Predicted against measured",
            agreement_html(data.agreement, chart["agreement"]),
        ),
        ("detections", "Detections", samples_html(data.samples)),
        (TENSORRT, "TensorRT", tensorrt_html(data.tensorrt)),
        (CERTIFICATES, "Certificates", certificates_html(data.certificates)),
        (
            "provenance",
            "Where the numbers come from",
            provenance_html(data.provenance, data.files),
        ),
        ("commands", "Commands", commands_html(data.commands)),
    )


def _figures(data: ReportData) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    for key, front in _fronts(data).items():
        if front.marks:
            figures[key] = front_figure(front)
    compared = None if data.baselines is None else baselines_figure(data.baselines)
    if compared is not None:
        figures["baselines"] = compared
    if data.family is not None:
        figures["family"] = family_figure(data.family)
    if data.course is not None:
        figures["course"] = volume_figure(data.course)
    if data.accuracy is not None and any(row.drop_ci for row in data.accuracy.rows):
        figures["differences"] = difference_figure(data.accuracy.rows, data.max_ap_drop)
    if data.latency is not None and data.latency.attribution is not None:
        figures["breakdown"] = comparison_figure(data.latency.attribution.modules)
    elif data.predicted is not None and data.predicted.breakdown:
        figures["breakdown"] = breakdown_figure(data.predicted.breakdown)
    if data.agreement:
        figures["agreement"] = agreement_figure(data.agreement)
    return figures


def _fronts(data: ReportData) -> dict[str, Front]:
    """Return the fronts by the ids of their charts: ``front``, ``front-2``."""
    fronts = (*(() if data.front is None else (data.front,)), *data.fronts)
    return {"front" if n == 1 else f"front-{n}": front for n, front in enumerate(fronts, 1)}


def _chart(name: str, figure: Figure) -> str:
    height, alt = figure["layout"]["height"], ALT[name.partition("-")[0]]
    return (
        f'<div class="chart" id="{name}-chart" role="img" aria-label="{alt}" '
        f'style="height: {height}px"></div>\n'
    )


def _scripts(figures: dict[str, Figure]) -> str:
    if not figures:
        return ""
    from plotly.offline import get_plotlyjs

    blocks = [f"<script>{get_plotlyjs()}</script>"]
    for name, figure in figures.items():
        # Inside a script element only "</" and "<!--" could end it early.
        text = json.dumps(figure, allow_nan=False).replace("<", "\\u003c")
        blocks.append(f'<script type="application/json" id="{name}-chart-data">{text}</script>')
    return "\n".join(blocks)
