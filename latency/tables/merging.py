"""Several table files as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import LatencyError
from ..files import refuse_existing
from .table import LatencyTable
from .table_file import read_table, write_table


def merge_tables(paths: Sequence[Path], output: Path) -> LatencyTable:
    """Merge table files into one; of several spaces, too, which a note then says.

    Raises:
        TableMismatchError: They come from other devices, protocols or batch sizes.
        LatencyError: There is nothing to merge, a file is named twice, or the output exists.
    """
    refuse_existing(output)
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
