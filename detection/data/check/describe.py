"""A checked data folder as plain values: whole for machines, in short for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from .check import DataCheck, SplitCheck
from .objects import SIZES

NAMED = 5  # files or classes that a note names; the whole lists are in the description


def describe_check(check: DataCheck) -> dict[str, Any]:
    """Return everything that a check found, as JSON values."""
    return {
        "path": str(check.path),
        "layout": check.layout,
        "quick": check.quick,
        "passed": check.passed,
        "problems": list(check.problems),
        "duplicate_images": [list(group) for group in check.duplicate_images],
        "splits": [_split(split) for split in check.splits],
    }


def summarize_check(check: DataCheck) -> dict[str, Any]:
    """Return what people want to know: a row of each split and class, problems, notes."""
    return {
        "path": str(check.path),
        "layout": check.layout,
        "splits": [_row(split) for split in check.splits],
        "classes": _class_rows(check),
        "notes": [
            *(f"{split.name}: {note}" for split in check.splits for note in _notes(split)),
            *_folder_notes(check),
        ],
        "problems": [
            *(f"{split.name}: {text}" for split in check.splits for text in split.problems),
            *check.problems,
        ],
        "passed": check.passed,
    }


def _split(split: SplitCheck) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": split.name, "problems": list(split.problems)}
    if split.files is not None:
        fields["images"] = split.files.images
        fields["missing_images"] = list(split.files.missing)
        fields["damaged_images"] = [asdict(item) for item in split.files.damaged]
    if split.report is not None:
        report = asdict(split.report)
        fields.update(report, left_out=dict(split.report.left_out))
    if split.objects is not None:
        fields["sizes"] = _sizes(split.objects.sizes)
        fields["duplicate_boxes"] = split.objects.duplicate_boxes
    fields["classes"] = [
        {
            "name": item.name,
            "objects": item.objects,
            "images": item.images,
            "sizes": _sizes(item.sizes),
        }
        for item in split.classes
    ]
    return fields


def _row(split: SplitCheck) -> dict[str, Any]:
    row: dict[str, Any] = {"split": split.name}
    if split.files is not None:
        row["images"] = split.files.images
    if split.report is not None and split.objects is not None:
        ignored = split.report.crowd + split.report.difficult
        row |= {"objects": split.report.objects, "ignored": ignored}
        row |= _sizes(split.objects.sizes)
    return row


def _class_rows(check: DataCheck) -> list[dict[str, Any]]:
    """Return objects, or images where there are none, of each class by split."""
    rows: dict[str, dict[str, Any]] = {}
    for split in check.splits:
        for item in split.classes:
            count = item.images if split.objects is None else item.objects
            rows.setdefault(item.name, {"class": item.name})[split.name] = count
    return list(rows.values())


def _notes(split: SplitCheck) -> list[str]:
    """Return what a training puts up with, but people may want to know."""
    report, objects = split.report, split.objects
    if report is None or objects is None:
        empty = [item.name for item in split.classes if not item.images]
        return [f"classes without an image: {_first(empty)}"] if empty else []
    found = {
        "images without a usable object": report.empty_images,
        "boxes that reach outside of their image and are clipped": report.clipped,
        "boxes below one pixel, left out": report.degenerate,
        "boxes that occur twice": objects.duplicate_boxes,
    }
    notes = [f"{text}: {count}" for text, count in found.items() if count]
    if report.unused_categories:
        notes.append(f"classes without a usable object: {_first(report.unused_categories)}")
    if report.left_out:
        notes.append("left out: " + _first([f"{name} x {n}" for name, n in report.left_out]))
    return notes


def _folder_notes(check: DataCheck) -> list[str]:
    groups = check.duplicate_images
    notes = []
    if groups:
        notes.append(
            f"images that are there more than once: {len(groups)}, such as {_first(groups[0])}"
        )
    if check.quick:
        notes.append("only headers of images were read: damage and duplicates were not looked for")
    return notes


def _sizes(counts: tuple[int, int, int]) -> dict[str, int]:
    return dict(zip(SIZES, counts, strict=True))


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
