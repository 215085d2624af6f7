"""Import a foreign file as a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from searchspaces import parse_arch

from ..errors import LatencyError, TableError
from ..files import refuse_existing
from ..tables.table import LatencyTable
from ..tables.table_file import write_table
from .origin import Origin
from .registry import FORMATS, get_format


def import_table(source: Path, output: Path, format_name: str, origin: Origin) -> LatencyTable:
    """Make a table file of a foreign file.

    Raises:
        LatencyError: The format is unknown, or the output exists.
        TableError: The source is damaged; names line and field. Or nothing in it has a module
            here; says what was left out.
    """
    known = get_format(format_name)
    refuse_existing(output)
    table = known.read(source, origin)
    if not table.rows:
        asked = "" if origin.batch is None else f" at batch {origin.batch}"
        told = "; ".join(reversed(table.manifest.notes))  # what was left out is noted last
        raise TableError(f"{source}: nothing was taken over{asked}: {told}")
    write_table(output, table)
    return table


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
    layers: Path | None = None,
) -> Origin:
    """Say where a foreign file's times come from; an architecture gives its layers' modules.

    Names of layers that say no node are looked up in ``layers``, which `trtexec` writes.

    Raises:
        LatencyError: The format is unknown, or would not heed the architecture or its options.
        TableError: A field is out of range.
        SearchSpaceError: There is no such architecture.
    """
    known = get_format(format_name)
    _refuse_unheeded(format_name, arch, space_options or {}, layers)
    graph = None
    if arch is not None:
        space, found = parse_arch(arch, **(space_options or {}))
        graph = space.detector(found).graph(batch or 1, precision)
    return Origin(
        device=device,
        precision=precision,
        engine=engine or known.engine,
        engine_version=engine_version,
        batch=batch,
        graph=graph,
        layers=layers,
    )


def _refuse_unheeded(
    format_name: str, arch: str | None, space_options: Mapping[str, Any], layers: Path | None
) -> None:
    """Refuse an architecture that names no layers, and options or nodes of none."""
    if arch is not None and not get_format(format_name).by_layer:
        layered = ", ".join(name for name, each in FORMATS.items() if each.by_layer)
        raise LatencyError(
            f"an architecture (--arch) is for profiles by layers, {layered}; {format_name} holds "
            "modules by themselves: leave it out"
        )
    if arch is None and layers is not None:
        raise LatencyError(
            f"{layers} tells the nodes of the layers of an architecture; name that by --arch, or "
            "leave the file out"
        )
    if arch is None and space_options:
        raise LatencyError(
            f"{', '.join(space_options)} are options of the architecture that a profile by layers "
            "is of; name it by --arch, or leave them out"
        )
