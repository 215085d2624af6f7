"""Split a table, or its file, into one to fit on and one to judge the fit by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import LatencyError, TableError
from ..files import refuse_existing
from ..workloads.workload import CHAIN
from .table import LatencyTable
from .table_file import read_table, write_table


def split_table(
    table: LatencyTable, fraction: float, rng: np.random.Generator, *, note: str = ""
) -> tuple[LatencyTable, LatencyTable]:
    """Hold out a random part of what was measured.

    Modules timed alone and whole detectors are drawn, each with all its replicates. Chains stay:
    a module's cost is a difference of several. Failures stay: there is nothing to compare.

    Args:
        table: What to split.
        fraction: Share to hold out, above 0 and below 1.
        rng: Draws it.
        note: Added to the notes of both parts.

    Returns:
        What is left, with the recipes, and what is held out.

    Raises:
        TableError: The fraction is out of range, or one side would be empty.
    """
    if not 0 < fraction < 1:
        raise TableError(f"fraction must lie between 0 and 1, got {fraction}")
    drawable = [k for k in table.measurements if table.workloads[k].role != CHAIN]
    count = round(fraction * len(drawable))
    if not 0 < count < len(drawable):
        raise TableError(
            f"a share of {fraction:g} of {len(drawable)} modules and detectors leaves one side "
            "empty; take another --fraction or a larger table"
        )
    held = {drawable[i] for i in rng.choice(len(drawable), count, replace=False)}
    notes = (*table.manifest.notes, note) if note else table.manifest.notes
    manifest = replace(table.manifest, sha256=None, notes=notes)
    return (
        LatencyTable(manifest, tuple(r for r in table.rows if r.workload.key not in held)),
        LatencyTable(
            replace(manifest, recipes=()),
            tuple(r for r in table.rows if r.workload.key in held),
        ),
    )


def split_file(
    source: Path, fraction: float, seed: int, train: Path, held: Path
) -> tuple[LatencyTable, LatencyTable]:
    """Split a table file by a seed into one to fit on and one to judge by.

    Raises:
        LatencyError: An output exists, or both are one.
        TableError: The table is damaged, or one side would be empty.
    """
    refuse_existing(train)
    refuse_existing(held)
    if train.absolute() == held.absolute():
        raise LatencyError(f"both parts would be written to {train}; name two files by -o")
    table = read_table(source)
    note = f"split of {source.name} by --fraction {fraction:g} --seed {seed}"
    parts = split_table(table, fraction, np.random.default_rng(seed), note=note)
    for path, part in zip((train, held), parts, strict=True):
        write_table(path, part)
    return parts
