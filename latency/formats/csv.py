"""Comma-separated values, for spreadsheets and data frames.

A header line, then one line per measurement or failure:

* ``role``: module, chain, detector, or in_context: what a module costs inside a detector, solved
  from all chains and detectors;
* ``label``: what a reader should see;
* ``module``: key of the module; empty for chains and detectors;
* ``replicate``: which independent repetition; ``attempt``: which visit of it;
* ``counts``: whether this visit does (true or false), ``refused``: why it should not, else empty;
* ``delivered``: whether it is of an engine as it is delivered (true or false);
* ``sentinel_ms``: what the machine's sentinel took beside it, empty without one;
* ``samples``, ``median_ms``, ``p90_ms``, ``p99_ms``, ``ci_lo_ms``, ``ci_hi_ms`` (95 % interval of
  the median; empty where samples are too few), ``converged`` (true or false);
* ``raw_ms``: all samples, separated by blanks;
* ``error``: why it failed, else empty.

Reading takes ``module`` and ``raw_ms``, or ``median_ms`` alone where samples are missing, of lines
that count or do not say so; the other columns may be left out. Warm-ups, the graphs of chains and
detectors, recipes, device and protocol are lost on writing.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from searchspaces import ModuleSpec, SearchSpaceError, write_atomically

from ..errors import TableError
from ..tables.row import Row
from ..tables.table import LatencyTable
from ..workloads.workload import IN_CONTEXT, MODULE
from .origin import Origin
from .rows import Value, make_table, other_roles, positive_ms, read_text

NAME = "csv"
COLUMNS = (
    *("role", "label", "module", "replicate", "attempt", "counts", "refused", "delivered"),
    *("sentinel_ms", "samples", "median_ms", "p90_ms", "p99_ms", "ci_lo_ms", "ci_hi_ms"),
    *("converged", "raw_ms", "error"),
)
_FLAGS = {"false": False, "true": True}


def read(path: Path, origin: Origin) -> LatencyTable:
    """Read modules that were timed alone; rows of chains and detectors are left out, and noted.

    Raises:
        TableError: The file cannot be read, or a line is wrong; names line and column.
    """
    notes: list[str] = []
    return make_table(path, NAME, origin, _values(path, notes), notes, repeats=True)


def write(table: LatencyTable, path: Path) -> tuple[str, ...]:
    """Write every measurement and failure; return what the format cannot hold."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    counted = {row.visit for row in table.counted}
    writer.writerows(_fields(row, row.visit in counted) for row in table.rows)
    write_atomically(path, file.getvalue().encode())
    return (
        "warm-ups and times of day",
        "device, engine, protocol, recipes and notes",
        *(text.replace("are not written", "are written by label") for text in other_roles(table)),
    )


def holds(table: LatencyTable) -> int:
    """Return how many rows a table has, failures included."""
    return len(table.rows)


def _fields(row: Row, counts: bool) -> dict[str, object]:
    single = row.workload.role in (MODULE, IN_CONTEXT)
    fields: dict[str, object] = {
        "role": row.workload.role,
        "label": row.workload.label,
        "module": row.workload.graph.nodes[0].spec.key if single else "",
        "replicate": row.replicate,
        "attempt": row.attempt,
        "counts": "" if row.measurement is None else _flag(counts),
        "refused": row.refused or "",
        "delivered": _flag(row.delivered),
        "sentinel_ms": "" if row.sentinel_ms is None else repr(row.sentinel_ms),
        "error": row.error or "",
    }
    if row.measurement is None:
        return fields
    measured = row.measurement
    low, high = measured.ci_ms
    bounded = math.isfinite(high)
    return {
        **fields,
        "samples": len(measured.raw_ms),
        "median_ms": repr(measured.median_ms),
        "p90_ms": repr(measured.p90_ms),
        "p99_ms": repr(measured.p99_ms),
        "ci_lo_ms": repr(low) if bounded else "",
        "ci_hi_ms": repr(high) if bounded else "",
        "converged": _flag(measured.converged),
        "raw_ms": " ".join(map(repr, measured.raw_ms)),
    }


def _flag(value: bool) -> str:
    return str(value).lower()


def _values(path: Path, notes: list[str]) -> Iterator[Value]:
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        _check_columns(path, reader.fieldnames)
        others = uncounted = solved = 0
        for fields in reader:
            where = f"line {reader.line_num}"
            if fields.get("role") == IN_CONTEXT:
                solved += 1
            elif fields.get("role") not in (MODULE, None):
                others += 1
            elif not _told(f"{path}, {where}", fields, "counts", default=True):
                uncounted += 1
            else:
                yield _value(path, where, fields)
    except csv.Error as error:
        raise TableError(f"{path}, line {reader.line_num + 1}: {error}") from error
    if others:
        notes.append(f"{others} rows of chains and whole detectors are left out: no graphs there")
    if solved:
        notes.append(f"{solved} costs inside a detector are left out: they were not measured")
    if uncounted:
        notes.append(f"{uncounted} visits that did not count are left out")


def _check_columns(path: Path, names: object) -> None:
    known = set(names) if isinstance(names, list | tuple) else set()
    if "module" not in known or not known & {"raw_ms", "median_ms"}:
        raise TableError(
            f"{path}, line 1: the header must name module, and raw_ms or median_ms; got "
            f"{', '.join(map(str, known)) or 'nothing'}"
        )


def _value(path: Path, where: str, fields: Mapping[str | None, str | None]) -> Value:
    place = f"{path}, {where}"
    if None in fields or None in fields.values():
        raise TableError(f"{place}: it has another number of columns than the header")
    texts = {str(name): str(text) for name, text in fields.items()}
    try:
        spec = ModuleSpec.parse(texts["module"])
    except SearchSpaceError as error:
        raise TableError(f"{place}: module: {error}") from error
    if texts.get("error"):
        return Value(where, spec, (), texts["error"])
    converged = _told(place, texts, "converged", default=False)
    raw = texts.get("raw_ms", "").split()
    if raw:
        samples = tuple(positive_ms(place, "raw_ms", text) for text in raw)
        return Value(where, spec, samples, converged=converged)
    return Value(where, spec, (positive_ms(place, "median_ms", texts.get("median_ms", "")),))


def _told(place: str, fields: Mapping[Any, str | None], name: str, *, default: bool) -> bool:
    """Return what a column of true and false says; the default where it says nothing."""
    text = fields.get(name) or ""
    if text and text not in _FLAGS:
        raise TableError(f"{place}: {name} must be true or false, got {text!r}")
    return _FLAGS.get(text, default)
