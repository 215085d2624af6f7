"""Import a foreign file as a table, export a table as a foreign file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from searchspaces import parse_arch

from ..files import refuse_existing
from ..tables.table import LatencyTable
from ..tables.table_file import read_table, write_table
from .origin import Origin
from .registry import get_format


def import_table(source: Path, output: Path, format_name: str, origin: Origin) -> LatencyTable:
    """Make a table file of a foreign file.

    Raises:
        LatencyError: The format is unknown, or the output exists.
        TableError: The source is damaged; names line and field.
    """
    known = get_format(format_name)
    refuse_existing(output)
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
    refuse_existing(output)
    return known.write(read_table(source), output)


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
