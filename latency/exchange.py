"""Whole files for the command line: import, export, merge, compare, split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from searchspaces import parse_arch

from .diff import Change, Gate, diff_tables
from .errors import LatencyError
from .formats import FORMATS, Format, Origin
from .split import split_table
from .table import LatencyTable
from .table_file import read_table, write_table


def import_table(source: Path, output: Path, format_name: str, origin: Origin) -> LatencyTable:
    """Make a table file of a foreign file.

    Raises:
        LatencyError: The format is unknown, or the output exists.
        TableError: The source is damaged; names line and field.
    """
    known = get_format(format_name)
    _refuse_existing(output)
    table = known.read(source, origin)
    write_table(output, table)
    return table


def export_table(source: Path, output: Path, format_name: str) -> tuple[str, ...]:
    """Write a table in a foreign format; return what that cannot hold, in sentences.

    Raises:
        LatencyError: The format is unknown, or the output exists.
        TableError: The source is no table, or damaged.
    """
    known = get_format(format_name)
    _refuse_existing(output)
    return known.write(read_table(source), output)


def merge_tables(paths: Sequence[Path], output: Path) -> LatencyTable:
    """Merge table files into one; of several spaces, too, which a note then says.

    Raises:
        TableMismatchError: They come from other devices, protocols or batch sizes.
        LatencyError: There is nothing to merge, a file is named twice, or the output exists.
    """
    _refuse_existing(output)
    write_table(output, read_tables(paths))
    return read_table(output)


def read_tables(paths: Sequence[Path]) -> LatencyTable:
    """Read table files of one device, engine, protocol and batch as one table.

    Raises:
        TableError: A file is no table, or damaged.
        TableMismatchError: They come from other devices, protocols or batch sizes.
        LatencyError: There is nothing to read, or a file is named twice.
    """
    if not paths:
        raise LatencyError("nothing to merge; name at least one table")
    names = [path.resolve() for path in paths]
    for path, name in zip(paths, names, strict=True):
        if names.count(name) > 1:
            raise LatencyError(f"{path} is named twice; its measurements would count twice")
    merged, *others = [read_table(path) for path in paths]
    for table in others:
        merged = merged.merge(table)
    return merged


def get_format(name: str) -> Format:
    """Return a foreign format.

    Raises:
        LatencyError: There is none of that name; lists those there are.
    """
    if name not in FORMATS:
        raise LatencyError(f"unknown format {name!r}; known are {', '.join(FORMATS)}")
    return FORMATS[name]


def make_origin(
    format_name: str,
    device: str,
    *,
    precision: str = "fp32",
    engine: str | None = None,
    engine_version: str = "unknown",
    batch: int | None = None,
    arch: str | None = None,
    space_options: dict[str, Any] | None = None,
) -> Origin:
    """Say where a foreign file's times come from; an architecture gives its layers' modules.

    Raises:
        LatencyError: The format is unknown.
        TableError: A field is out of range.
        SearchSpaceError: There is no such architecture.
    """
    graph = None
    if arch is not None:
        space, found = parse_arch(arch, **(space_options or {}))
        graph = space.detector(found).graph(batch or 1, precision)
    return Origin(
        device=device,
        precision=precision,
        engine=engine or get_format(format_name).engine,
        engine_version=engine_version,
        batch=batch,
        graph=graph,
    )


def describe_import(table: LatencyTable) -> dict[str, Any]:
    """Return what came in, and what the source did not say."""
    batches = Counter(workload.graph.nodes[0].spec.batch for workload in table.workloads.values())
    return {
        "device": table.device.name,
        "engine": f"{table.device.engine} {table.device.engine_version}",
        "precision": table.protocol.precision,
        "modules": len(table.entries),
        "failures": len(table.failures),
        "by_batch": {str(batch): batches[batch] for batch in sorted(batches)},
        "notes": list(table.manifest.notes),
    }


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


def split_file(
    source: Path, fraction: float, seed: int, train: Path, held: Path
) -> tuple[LatencyTable, LatencyTable]:
    """Split a table file by a seed into one to fit on and one to judge by.

    Raises:
        LatencyError: An output exists, or both are one.
        TableError: The table is damaged, or one side would be empty.
    """
    _refuse_existing(train)
    _refuse_existing(held)
    if train.absolute() == held.absolute():
        raise LatencyError(f"both parts would be written to {train}; name two files by -o")
    table = read_table(source)
    note = f"split of {source.name} by --fraction {fraction:g} --seed {seed}"
    parts = split_table(table, fraction, np.random.default_rng(seed), note=note)
    for path, part in zip((train, held), parts, strict=True):
        write_table(path, part)
    return parts


def _by_size(changes: Collection[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: -abs(change.change))


def _refuse_existing(output: Path) -> None:
    if output.exists():
        raise LatencyError(f"{output} exists; write to another file by -o")
