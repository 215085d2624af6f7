"""Compare two table files, for the command line."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..tables.table import LatencyTable
from ..tables.table_file import read_table
from .diff import Change, Gate, diff_tables


def compare_tables(
    a: Path, b: Path, gate: str | None = None, allow: Collection[str] = ()
) -> dict[str, Any]:
    """Compare two table files as JSON-able fields; ``passed`` says whether the gate holds.

    Raises:
        LatencyError: The gate reads wrong.
        TableError: A table is damaged, or nothing is measured in both.
        TableMismatchError: The tables are of other devices or protocols.
    """
    limit = None if gate is None else Gate.parse(gate)
    tables = {path: read_table(path) for path in (a, b)}
    diff = diff_tables(tables[a], tables[b], allow)
    violations = () if limit is None else diff.violations(limit)
    return {
        "passed": not violations,
        "gate": gate,
        "violations": list(violations),
        "differing": [{"field": n, "a": mine, "b": theirs} for n, mine, theirs in diff.differing],
        "compared": len(diff.workloads),
        "significant": [asdict(c) for c in _by_size(diff.workloads) if c.significant],
        "kinds": [asdict(change) for change in _by_size(diff.kinds)],
        "workloads": [asdict(change) for change in diff.workloads],
        "only_a": list(diff.only_a),
        "only_b": list(diff.only_b),
        "failed": list(diff.failed),
        "notes": [_single_replicate(path) for path, t in tables.items() if not _repeats(t)],
    }


def _repeats(table: LatencyTable) -> bool:
    return any(row.replicate for row in table.rows)


def _single_replicate(path: Path) -> str:
    return (
        f"{path} holds one replicate: what engines differ by from build to build is assumed, and "
        "on a busy machine alarms may be false; profile with --replicates 2 or more"
    )


def _by_size(changes: Collection[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: -abs(change.change))
