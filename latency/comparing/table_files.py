"""Compare two table files, for the command line."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import LatencyError
from ..tables.table_file import read_table
from .diff import TableDiff, diff_tables
from .gate import Change, Gate
from .notes import NamedTable, notes_of, replicates_of, replicates_to_show


def compare_tables(
    a: Path,
    b: Path,
    gate: str | None = None,
    allow: Collection[str] = (),
    *,
    strict: bool = False,
) -> dict[str, Any]:
    """Compare two table files as JSON-able fields; ``passed`` says whether the gate holds.

    Args:
        a: Before.
        b: After.
        gate: The change that is not accepted, such as ``slower>2%``.
        allow: Fields of the device, protocol or batch that may differ, too.
        strict: A gate that is not decided for some kind does not hold.

    Raises:
        LatencyError: The gate reads wrong, or there is none to be strict about.
        TableError: A table is damaged, or nothing is measured in both.
        TableMismatchError: The tables are of other devices or protocols.
    """
    limit = None if gate is None else Gate.parse(gate)
    if strict and limit is None:
        raise LatencyError("there is no gate to be strict about; give --fail-on 'slower>2%', say")
    before, after = (NamedTable(str(path), read_table(path)) for path in (a, b))
    diff = diff_tables(before.table, after.table, allow)
    violations = () if limit is None else diff.violations(limit)
    undecided = [] if limit is None else _undecided(diff, limit, before, after)
    return {
        "passed": not violations and not (strict and undecided),
        "gate": gate,
        "strict": strict,
        "violations": list(violations),
        "undecided": undecided,
        "untold": [change.name for change in diff.untold],
        "differing": [{"field": n, "a": mine, "b": theirs} for n, mine, theirs in diff.differing],
        "compared": len(diff.workloads),
        "significant": [asdict(c) for c in _by_size(diff.workloads) if c.significant],
        "kinds": [asdict(change) for change in _by_size(diff.kinds)],
        "workloads": [asdict(change) for change in diff.workloads],
        "only_a": list(diff.only_a),
        "only_b": list(diff.only_b),
        "failed": list(diff.failed),
        "notes": list(notes_of(before, after, diff, limit)),
    }


def _undecided(
    diff: TableDiff, gate: Gate, before: NamedTable, after: NamedTable
) -> list[dict[str, Any]]:
    """Return the kinds that a gate is not decided for, with what would decide it."""
    replicates = replicates_of(before.table, after.table)
    return [
        {
            "name": change.name,
            "lo": change.lo,
            "hi": change.hi,
            "smallest_shown": change.smallest_shown,
            "replicates": replicates_to_show(change, gate.limit, replicates),
        }
        for change in diff.undecided(gate)
    ]


def _by_size(changes: Collection[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: -abs(change.change))
