"""What a report says of precision: the ladder, what stays in fp32, what int8 was calibrated on."""

from __future__ import annotations

from collections.abc import Sequence

from ..records.accuracy import AccuracyRow
from ..records.precision import (
    CalibrationRecord,
    KeptNode,
    PrecisionRecord,
    PrecisionRow,
    SearchRecord,
)
from .accuracy import difference, difference_interval
from .markup import details, milliseconds, note, points, table

NOTHING = AccuracyRow("AP", None, None)


def precision_html(record: PrecisionRecord | None) -> str:
    """Return what each precision costs and gains; nothing where only fp32 was built."""
    if record is None:
        return ""
    parts = [_ladder(record.rows)] if record.rows else []
    if record.search is not None:
        parts.append(note(_searched(record.search)))
    if record.note:
        parts.append(note(record.note))
    if record.kept:
        parts.append(_kept(record.kept))
    if record.calibration is not None:
        parts.append(_calibrated(record.calibration))
    return "\n".join(parts)


def _ladder(rows: Sequence[PrecisionRow]) -> str:
    cells = []
    for row in rows:
        ap = next((found for found in row.accuracy if found.metric == "AP"), NOTHING)
        measured = row.measured
        cells.append(
            (
                row.precision + (" (delivered)" if row.delivered else ""),
                points(ap.engine),
                difference(ap),
                difference_interval(ap),
                f"{row.matched:.2%}",
                milliseconds(None if measured is None else measured.median_ms),
                milliseconds(None if measured is None else measured.p99_ms),
                str(row.lowered),
                str(row.kept),
                row.arithmetic,
            )
        )
    heads = (
        "precision",
        "AP",
        "difference",
        "95 % interval",
        "matched",
        "p50 ms",
        "p99 ms",
        "nodes lowered",
        "kept in fp32",
        "computes in",
    )
    caption = "The engine at each precision; differences from torch on the same images"
    return table(caption, heads, cells, wrap=(9,), show=True)


def _searched(search: SearchRecord) -> str:
    alike = "".join(
        f"; {matched:.1%} of the detections match {when}"
        for matched, when in (
            (search.matched_before, "with all lowered"),
            (search.matched_after, "in the end"),
        )
        if matched is not None
    )
    minimal = "each of them is needed" if search.minimal else "not shown to be the fewest"
    return (
        f"Searched for the fewest of {search.candidates} nodes to keep in fp32: "
        f"{search.evaluations} engines, judged by {search.judged_by} on {search.images} images. "
        f"AP lost {search.drop_before:.2f} with all lowered, {search.drop_after:.2f} with the "
        f"kept ones in fp32, allowed {search.limit:g}{alike}; {minimal}."
    )


def _kept(nodes: Sequence[KeptNode]) -> str:
    rows = [
        (
            node.name,
            node.op,
            "-" if node.sqnr_db is None else f"{node.sqnr_db:.1f}",
            points(node.harm),
            node.why,
        )
        for node in nodes
    ]
    heads = ("node", "operator", "signal to noise dB", "AP it costs", "why it stays")
    listed = table("Nodes in fp32, the most harmful first", heads, rows, wrap=(0, 4))
    return details(f"{len(nodes)} nodes stay in fp32", listed)


def _calibrated(record: CalibrationRecord) -> str:
    remark = f" {record.note}." if record.note else ""
    text = (
        f"int8 was calibrated on {len(record.images)} images of {record.data}, method "
        f"{record.method}, seed {record.seed}.{remark}"
    )
    rows = [(image.name, image.sha256) for image in record.images]
    listed = table("Images of the calibration", ("file", "SHA-256"), rows, wrap=(0, 1))
    return note(text) + details(f"The {len(rows)} images", listed)
