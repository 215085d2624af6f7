"""Latency tables on disk: JSON Lines, read and written whole.

Line 1 is the manifest; every further line is one measurement or failure, flushed to disk before
the next is taken, so that a kill at any moment loses at most the one under way. A torn last line
(a kill in the middle of a write) is cut off on opening for append and ignored on reading; any
other damage is refused by line and field: every line ends in its checksum. Closing writes the
number of rows, and the hash of line 1 and the rows, into line 1 instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..errors import TableError
from ..files import replace_file
from .bulk import without_collection
from .manifest import UNSEALED, Manifest
from .row import Row
from .row_text import (
    check_seal,
    decode_json,
    decode_row,
    encode_json,
    encode_row,
    field_before,
)
from .table import LatencyTable


def read_table(path: Path | str) -> LatencyTable:
    """Read a table file.

    Raises:
        TableError: The file is missing, empty, of an unknown schema, or damaged; names the line.
    """
    path = Path(path)
    lines = _lines(path)
    torn = not lines[-1].endswith(b"\n")
    if torn and len(lines) == 1 and lines[0].startswith(b"{"):
        raise TableError(_torn(path, lines))
    fields, manifest = _first_line(path, lines[0])
    sealed, closed = fields["schema"] != UNSEALED, manifest.sha256 is not None
    if torn and closed:
        raise TableError(_torn(path, lines))
    whole = lines[1:-1] if torn else lines[1:]  # a kill cut the last write short; never finished
    with without_collection():
        rows = [_row(path, n, line, manifest, sealed) for n, line in enumerate(whole, start=2)]
    _check_unique(path, rows)
    if closed:
        _check_closed(path, fields, whole)
    return LatencyTable(manifest, tuple(rows))


def _torn(path: Path, lines: Sequence[bytes]) -> str:
    where = field_before(lines[-1], len(lines[-1]))
    return f"{path}, line {len(lines)}: it ends in the middle of this line{where}"


def write_table(path: Path | str, table: LatencyTable) -> None:
    """Write a whole table, closed, at once (atomically)."""
    lines = [encode_row(row) for row in table.rows]
    fields = table.manifest.to_dict()
    closed = {**fields, "sha256": _digest(fields, lines), "rows": len(lines)}
    replace_file(Path(path), [encode_json(closed), *lines])


def _lines(path: Path) -> list[bytes]:
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        raise TableError(f"there is no table {path}; make one with `detfit profile`") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror}") from error
    if not lines:
        raise TableError(f"{path} is empty; a table starts with a manifest line")
    if lines[0].strip() == b"{" and b'"detfit.predictor/' in b"".join(lines[:3]):
        raise TableError(f"{path} is a predictor; name the table that it was fitted on")
    return lines


def _first_line(path: Path, line: bytes) -> tuple[dict[str, Any], Manifest]:
    try:
        fields = decode_json(line)
        stored = fields.pop("crc", None)
        manifest = Manifest.from_dict(fields)
        if stored is not None:  # not of a closed table, nor of one by an earlier version
            check_seal(line, stored)
    except ValueError as error:
        raise TableError(f"{path}, line 1: {error}") from error
    return fields, manifest


def _row(path: Path, number: int, line: bytes, manifest: Manifest, sealed: bool) -> Row:
    try:
        return decode_row(line, manifest, sealed=sealed)
    except Exception as error:
        raise TableError(f"{path}, line {number}: {_reason(error)}") from error


def _check_closed(path: Path, fields: dict[str, Any], lines: Sequence[bytes]) -> None:
    """Compare a closed table with what line 1 says of its rows."""
    wanted = fields.get("rows", len(lines))
    if wanted != len(lines):
        raise TableError(
            f"{path}, line {len(lines) + 1}: it ends here with {len(lines)} rows, but line 1 "
            f"(rows) says {wanted}; take the original, or profile anew"
        )
    if fields["sha256"] != _digest(fields, lines):
        raise TableError(
            f"{path}, line 1: its contents do not match the hash (sha256): the file was changed "
            "after it was closed; take the original, or profile anew"
        )


def _check_unique(path: Path, rows: Iterable[Row]) -> None:
    seen: dict[tuple[str, int, int], int] = {}
    for number, row in enumerate(rows, start=2):
        if row.visit in seen:
            attempt = f", attempt {row.attempt}" if row.attempt else ""
            raise TableError(
                f"{path}, line {number}: repeats line {seen[row.visit]} ({row.workload.label}, "
                f"replicate {row.replicate}{attempt})"
            )
        seen[row.visit] = number


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _digest(manifest: dict[str, Any], rows: Sequence[bytes]) -> str:
    """Return the hash of line 1, without what closing writes into it, and of all rows."""
    head = {name: value for name, value in manifest.items() if name != "rows"}
    digest = hashlib.sha256(encode_json({**head, "sha256": None}))
    for row in rows:
        digest.update(row)
    return digest.hexdigest()
