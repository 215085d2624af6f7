"""What a report says of accuracy: COCO's numbers of torch and engine, parity, precisions."""

from __future__ import annotations

from html import escape

from ..gate.parity import ParityReport
from ..records.accuracy import Accuracy, AccuracyRow
from .markup import note, points, table


def accuracy_html(accuracy: Accuracy | None, parity: ParityReport | None, chart: str) -> str:
    """Return the COCO numbers of torch and engine side by side, and the parity."""
    parts: list[str] = []
    if accuracy is not None:
        parts.append(
            note(
                f"{accuracy.data}: {accuracy.images} images, {len(accuracy.classes)} classes "
                "shared by data and detector; points of 0 to 100."
            )
        )
        if accuracy.rows:
            parts += [accuracy_table(accuracy), chart]
        else:
            parts.append(note(f"AP is not comparable: {accuracy.note}"))
    if parity is not None:
        parts.append(_parity(parity))
    return "\n".join(parts)


def accuracy_table(accuracy: Accuracy) -> str:
    """Return COCO's numbers; differences with their interval where a bootstrap was made."""
    rows = [
        (
            row.metric,
            points(row.torch),
            points(row.engine),
            difference(row),
            difference_interval(row),
        )
        for row in accuracy.rows
    ]
    heads = ("metric", "torch", "engine", "difference", "95 % interval")
    resampled = f", {accuracy.resamples} resamples" if accuracy.resamples else ""
    caption = f"Engine minus torch, on the same {accuracy.images} images{resampled}"
    return table(caption, heads, rows, show=True)


def difference(row: AccuracyRow) -> str:
    """Return what the engine gains on torch, in points."""
    return "-" if row.torch is None or row.engine is None else _plus(-row.drop)


def difference_interval(row: AccuracyRow) -> str:
    """Return the interval of what the engine gains on torch."""
    if row.drop_ci is None:
        return "-"
    low, high = row.drop_ci
    return f"{_plus(-high)} to {_plus(-low)}"


def _parity(parity: ParityReport) -> str:
    masks = "" if parity.mask_iou is None else f" Their masks' mean IoU is {parity.mask_iou:.5f}."
    text = (
        f"Torch finds {parity.torch_detections} objects and the engine "
        f"{parity.engine_detections} on {parity.images} images, score at least "
        f"{parity.score_floor:g}; matched at IoU {parity.iou:g}: {parity.torch_matched} and "
        f"{parity.engine_matched} ({parity.matched_fraction:.2%}, F1 {parity.f1:.4f}). Largest "
        f"score difference {parity.max_score_difference:.2g}, smallest IoU {parity.min_iou:.5f}."
        f"{masks}"
    )
    orphans = "".join(f"<li>{escape(orphan)}</li>" for orphan in parity.orphans)
    return note(text) + (f"\n<ul>{orphans}</ul>" if orphans else "")


def _plus(value: float) -> str:
    """Return a number with its sign; zero has none, and is never negative."""
    return f"{value:+.2f}" if round(value, 2) else "0.00"
