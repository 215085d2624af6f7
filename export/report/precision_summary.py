"""A bundle's precision at a glance, as plain JSON values."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..records.accuracy import AccuracyRow

if TYPE_CHECKING:
    from ..records.precision import PrecisionRecord, PrecisionRow


def precision_summary(record: PrecisionRecord | None) -> dict[str, Any] | None:
    """Return ladder, calibration and search of a bundle; ``None`` for one in fp32."""
    if record is None:
        return None
    calibration = record.calibration
    return {
        "rows": [_row(row) for row in record.rows],
        "calibration": None
        if calibration is None
        else {
            "data": calibration.data,
            "count": len(calibration.images),
            "method": calibration.method,
            "seed": calibration.seed,
            "note": calibration.note,
        },
        "kept_in_fp32": [asdict(node) for node in record.kept],
        "search": None if record.search is None else asdict(record.search),
        "note": record.note,
    }


def _row(row: PrecisionRow) -> dict[str, Any]:
    known = {one.metric: one for one in row.accuracy}
    ap = known.get("AP", AccuracyRow("AP", None, None))
    comparable = ap.torch is not None and ap.engine is not None
    return {
        "precision": row.precision,
        "arithmetic": row.arithmetic,
        "nodes_lowered": row.lowered,
        "nodes_in_fp32": row.kept,
        "AP": ap.engine,
        "drop": ap.drop if comparable else None,
        "drop_ci": None if ap.drop_ci is None else list(ap.drop_ci),
        "matched": row.matched,
        "median_ms": None if row.measured is None else row.measured.median_ms,
        "delivered": row.delivered,
    }
