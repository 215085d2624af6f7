"""The sections of a report as HTML; every text from outside is escaped here."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

from .gate import GateVerdict, Outcome
from .parity import ParityReport
from .records import Accuracy, MeasuredLatency, ModuleShare, PredictedLatency
from .report_data import AgreementMark, Front, ReportData, Sample

Row = Sequence[str]


def header_html(data: ReportData) -> str:
    """Return title, subject and the key figures."""
    tiles = list(_tiles(data))
    figures = "".join(
        f"<div><dt>{escape(name)}</dt><dd{_class(style)}>{escape(value)}"
        f"<small>{escape(note)}</small></dd></div>\n"
        for name, value, note, style in tiles
    )
    grid = f'<dl class="figures">\n{figures}</dl>\n' if tiles else ""
    return (
        f"<header>\n<h1>{escape(data.title)}</h1>\n"
        f'<p class="subject">{escape(data.subject)}</p>\n{grid}</header>'
    )


def verdict_html(verdict: GateVerdict | None) -> str:
    """Return the outcome with one line per check."""
    if verdict is None:
        return note("Nothing was exported and verified.")
    rows = [
        (check.name, _outcome(check.outcome), escape(check.reason)) for check in verdict.checks
    ]
    body = "".join(
        f'<tr><td>{escape(name)}</td><td>{outcome}</td><td class="wrap">{reason}</td></tr>\n'
        for name, outcome, reason in rows
    )
    return (
        f'<p class="note">The engine\'s verdict is {_outcome(verdict.outcome)}.</p>\n'
        '<div class="scroll"><table>\n'
        f"<tr><th>check</th><th>outcome</th><th>why</th></tr>\n{body}</table></div>"
    )


def accuracy_html(accuracy: Accuracy | None, parity: ParityReport | None) -> str:
    """Return the COCO numbers of torch and engine side by side, and the parity."""
    if accuracy is None and parity is None:
        return note("Accuracy was not measured.")
    parts = []
    if accuracy is not None:
        parts.append(
            note(
                f"{accuracy.data}: {accuracy.images} images, {len(accuracy.classes)} classes "
                "shared by data and detector; points of 0 to 100."
            )
        )
        if accuracy.rows:
            rows = [
                (
                    row.metric,
                    _points(row.torch),
                    _points(row.engine),
                    _difference(row.torch, row.engine),
                    _difference_interval(row.drop_ci),
                )
                for row in accuracy.rows
            ]
            heads = ("metric", "torch", "engine", "engine - torch", "95 % interval")
            parts.append(table(heads, rows))
        else:
            parts.append(note(f"AP is not comparable: {accuracy.note}"))
    if parity is not None:
        parts.append(_parity(parity))
    return "\n".join(parts)


def samples_html(samples: Sequence[Sample]) -> str:
    """Return the images, embedded."""
    if not samples:
        return note("No images with detections are part of this report.")
    figures = "".join(
        f'<figure><img loading="lazy" alt="{escape(sample.caption)}" '
        f'src="data:image/jpeg;base64,{base64.b64encode(sample.jpeg).decode()}">'
        f"<figcaption>{escape(sample.caption)}</figcaption></figure>\n"
        for sample in samples
    )
    return f'<div class="samples">\n{figures}</div>'


def provenance_html(provenance: Iterable[tuple[str, str]]) -> str:
    """Return what the numbers depend on."""
    rows = list(provenance)
    if not rows:
        return note("Nothing is recorded.")
    body = "".join(
        f'<tr><th>{escape(name)}</th><td class="wrap">{escape(value)}</td></tr>\n'
        for name, value in rows
    )
    return f'<div class="scroll"><table>\n{body}</table></div>'


def commands_html(commands: Sequence[str]) -> str:
    """Return the command lines."""
    if not commands:
        return note("No command lines are recorded.")
    return f"<pre>{escape(chr(10).join(commands))}</pre>"


def front_table(front: Front) -> str:
    """Return the marks of the front as a table to open."""
    best = sorted(
        (m for m in front.marks if m.chosen or not m.dominated), key=lambda m: m.predicted_ms
    )
    rows = [
        (m.label, f"{m.predicted_ms:.3f}", f"{m.accuracy:.2f}", "chosen" if m.chosen else "")
        for m in best
    ]
    heads = ("architecture", "predicted ms", front.accuracy_name, "")
    return _details("The front as a table", table(heads, rows))


def agreement_table(marks: Sequence[AgreementMark]) -> str:
    """Return predictions beside measurements as a table to open."""
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
    return _details("The points as a table", table(heads, rows))


def breakdown_table(shares: Sequence[ModuleShare]) -> str:
    """Return the modules' times as a table to open."""
    rows = [(share.name, f"{share.ms:.3f}", share.part) for share in shares]
    return _details("The modules as a table", table(("module", "predicted ms", "part"), rows))


def note(text: str) -> str:
    """Return a remark in place of, or above, a section's content."""
    return f'<p class="note">{escape(text)}</p>'


def table(heads: Row, rows: Iterable[Row]) -> str:
    """Return a table; columns whose cells all are numbers are aligned to the right."""
    rows = list(rows)
    numeric = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(heads))]
    kinds = [' class="number"' if right else "" for right in numeric]
    head = "".join(
        f"<th{kind}>{escape(text)}</th>" for text, kind in zip(heads, kinds, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{escape(text)}</td>" for text, kind in zip(row, kinds, strict=True))
        + "</tr>\n"
        for row in rows
    )
    return f'<div class="scroll"><table>\n<tr>{head}</tr>\n{body}</table></div>'


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
        yield "budget", f"{data.budget_ms:g} ms", "upper limit", ""
    if data.accuracy is not None and data.accuracy.rows:
        row = data.accuracy.rows[0]
        yield f"{row.metric} of the engine", _points(row.engine), f"torch {_points(row.torch)}", ""
    if data.parity is not None:
        value = f"{data.parity.matched_fraction:.1%}"
        yield "same detections", value, f"torch and engine, IoU {data.parity.iou:g}", ""


def _interval(predicted: PredictedLatency) -> str:
    return f"{predicted.lo_ms:.2f} to {predicted.hi_ms:.2f} ms"


def _measured_note(measured: MeasuredLatency) -> str:
    return f"p99 {measured.p99_ms:.2f} ms, {measured.n} samples"


def _mask_parity(parity: ParityReport) -> str:
    return "" if parity.mask_iou is None else f" Their masks' mean IoU is {parity.mask_iou:.5f}."


def _parity(parity: ParityReport) -> str:
    text = (
        f"Torch finds {parity.torch_detections} objects and the engine "
        f"{parity.engine_detections} on {parity.images} images, score at least "
        f"{parity.score_floor:g}; matched at IoU {parity.iou:g}: {parity.torch_matched} and "
        f"{parity.engine_matched} ({parity.matched_fraction:.2%}, F1 {parity.f1:.4f}). Largest "
        f"score difference {parity.max_score_difference:.2g}, smallest IoU {parity.min_iou:.5f}."
        f"{_mask_parity(parity)}"
    )
    orphans = "".join(f"<li>{escape(orphan)}</li>" for orphan in parity.orphans)
    return note(text) + (f"\n<ul>{orphans}</ul>" if orphans else "")


def _outcome(outcome: Outcome) -> str:
    return f'<strong class="{outcome.name}">{escape(str(outcome))}</strong>'


def _points(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _difference(torch: float | None, engine: float | None) -> str:
    return "-" if torch is None or engine is None else f"{engine - torch:+.2f}"


def _difference_interval(drop_ci: tuple[float, float] | None) -> str:
    return "-" if drop_ci is None else f"{-drop_ci[1]:+.2f} to {-drop_ci[0]:+.2f}"


def _is_number(text: str) -> bool:
    return text == "-" or text.strip("+-%").replace(".", "", 1).isdigit()


def _class(style: str) -> str:
    return f' class="{style}"' if style else ""


def _details(summary: str, body: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>\n{body}\n</details>"
