"""Write a table in a foreign format: what was measured, and what it says of single modules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import NothingToExportError, PredictorError
from ..files import refuse_existing
from ..formats import get_format
from ..tables.table import LatencyTable
from ..tables.table_file import read_table
from ..workloads.workload import COST_INSIDE, IN_CONTEXT, MODULE
from .in_context import InContext, in_context


def export_table(
    source: Path, output: Path, format_name: str, *, costs_in_context: bool = False
) -> tuple[str, ...]:
    """Write a table in a foreign format; return what that cannot hold, in sentences.

    A format of modules is given those that were timed alone. Of a table without any, which is
    what a profile makes unless asked otherwise, it is given what they cost inside a detector, one
    number each. A format of all measurements is given both, under different roles.

    Args:
        source: The table.
        output: The file to write.
        format_name: A key of :data:`FORMATS`.
        costs_in_context: Write costs inside a detector though modules were timed alone, too.

    Raises:
        LatencyError: The format is unknown, or the output exists.
        TableError: The source is no table, or damaged.
        NothingToExportError: The table holds nothing that the format can.
        PredictorError: The layers of a kind of module are not known.
    """
    known = get_format(format_name)
    refuse_existing(output)
    table = read_table(source)
    if known.modules_only:
        shown, notes = _modules_of(table, costs_in_context)
    else:
        shown, notes = _with_costs(table, costs_in_context)
    if not known.holds(shown):
        raise NothingToExportError(
            f"{source} holds nothing that {format_name} can: {known.about}; it has "
            f"{len(table.entries)} modules timed alone and "
            f"{len(table.measurements) - len(table.entries)} chains and whole detectors"
        )
    return (*notes, *known.write(shown, output))


def _with_costs(table: LatencyTable, asked: bool) -> tuple[LatencyTable, tuple[str, ...]]:
    """Return a table with rows of costs inside a detector beside its own, and what they are."""
    try:
        costs = _costs(table, asked)
    except PredictorError as error:
        if asked:
            raise
        return table, (f"{COST_INSIDE}: {error}",)  # what was measured is written all the same
    if costs is None:
        return table, ()
    return replace(table, rows=(*table.rows, *costs.rows(table, IN_CONTEXT))), costs.notes


def _modules_of(table: LatencyTable, asked: bool) -> tuple[LatencyTable, tuple[str, ...]]:
    """Return a table of modules alone: as they were timed, or by their costs inside a detector."""
    costs = _costs(table, asked) if asked or not table.entries else None
    if costs is None:
        return table, ()
    return replace(table, rows=costs.rows(table, MODULE)), costs.notes


def _costs(table: LatencyTable, asked: bool) -> InContext | None:
    """Return costs inside a detector, if there are chains.

    Raises:
        NothingToExportError: There are none, but the costs were asked for.
    """
    costs = in_context(table)
    if costs is None and asked:
        raise NothingToExportError(
            "the table holds no chains, of which costs inside a detector are solved; profile "
            "without --no-modules"
        )
    return costs
