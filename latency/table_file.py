"""Latency tables on disk: JSON Lines, appended as measurements are taken.

Line 1 is the manifest; every further line is one measurement or failure, flushed to disk before
the next is taken, so that a kill at any moment loses at most the one under way. A torn last line
(a kill in the middle of a write) is cut off on opening for append and ignored on reading; any
other damage is refused by line and field: every line ends in its checksum. Closing writes the
number of rows, and the hash of line 1 and the rows, into line 1 instead.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from searchspaces import write_atomically

from .bulk import without_collection
from .errors import LatencyError, TableError
from .manifest import UNSEALED, Manifest
from .row import Row
from .row_text import (
    check_seal,
    decode_json,
    decode_row,
    encode_json,
    encode_line,
    encode_row,
)
from .table import LatencyTable

try:
    import fcntl
except ImportError:  # not on Windows, which then has no lock
    fcntl = None  # type: ignore[assignment]


def read_table(path: Path | str) -> LatencyTable:
    """Read a table file.

    Raises:
        TableError: The file is missing, empty, of an unknown schema, or damaged; names the line.
    """
    path = Path(path)
    lines = _lines(path)
    torn = not lines[-1].endswith(b"\n")
    if torn and len(lines) == 1 and lines[0].startswith(b"{"):
        raise TableError(f"{path}, line 1: it ends in the middle of this line")
    fields, manifest = _first_line(path, lines[0])
    sealed, closed = fields["schema"] != UNSEALED, manifest.sha256 is not None
    if torn and closed:
        raise TableError(f"{path}, line {len(lines)}: it ends in the middle of this line")
    whole = lines[1:-1] if torn else lines[1:]  # a kill cut the last write short; never finished
    with without_collection():
        rows = [_row(path, n, line, manifest, sealed) for n, line in enumerate(whole, start=2)]
    _check_unique(path, rows)
    if closed:
        _check_closed(path, fields, whole)
    return LatencyTable(manifest, tuple(rows))


def write_table(path: Path | str, table: LatencyTable) -> None:
    """Write a whole table, closed, at once (atomically)."""
    lines = [encode_row(row) for row in table.rows]
    fields = table.manifest.to_dict()
    closed = {**fields, "sha256": _digest(fields, lines), "rows": len(lines)}
    replace_file(Path(path), [encode_json(closed), *lines])


class TableWriter:
    """Append measurements to a table file; use it as a context manager.

    Args:
        path: The file; created with its manifest if it does not exist.
        manifest: What the file says, or must say, about device and protocol.
        resume: Go on with an existing file instead of refusing it.

    Raises:
        TableError: The file exists and ``resume`` is off, or is damaged.
        TableMismatchError: The file belongs to another device, protocol or batch size.
    """

    def __init__(self, path: Path | str, manifest: Manifest, *, resume: bool) -> None:
        self.path = Path(path)
        self._rows: list[Row] = []
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock_path = self.path.with_name(self.path.name + ".lock")
        self._lock = self._locked()
        try:
            if self.path.exists():
                manifest = self._reopen(manifest, resume)
            else:
                replace_file(self.path, [encode_line(replace(manifest, sha256=None).to_dict())])
            self.manifest = manifest
            self._file: IO[bytes] = self.path.open("ab")
        except BaseException:
            self._unlock()
            raise

    def _reopen(self, manifest: Manifest, resume: bool) -> Manifest:
        if not resume:
            raise TableError(
                f"{self.path} exists; go on with it by --resume, or write to another file by -o"
            )
        table = read_table(self.path)
        table.manifest.require_same(manifest, f"{self.path} cannot be resumed")
        for name in ("space", "seed", "software"):
            ours, theirs = getattr(manifest, name), getattr(table.manifest, name)
            if ours != theirs:
                raise TableError(
                    f"{self.path} cannot be resumed: {name} is {ours!r} here, {theirs!r} there"
                )
        if manifest.recipes != table.manifest.recipes:
            raise TableError(
                f"{self.path} cannot be resumed: it was begun with {_chains(table.manifest)}, now "
                f"there are {_chains(manifest)}; resume with the same --modules or --no-modules"
            )
        self._rows = list(table.rows)
        sentinel = table.manifest.sentinel or manifest.sentinel  # a table of before has none
        kept = replace(table.manifest, sha256=None, sentinel=sentinel)
        lines = [encode_line(kept.to_dict()), *(encode_row(row) for row in self._rows)]
        replace_file(self.path, lines)  # repairs a torn last line and opens a closed table
        return kept

    def _locked(self) -> IO[bytes]:
        """Keep other writers out; the lock ends with the process, however that ends."""
        lock = self._lock_path.open("wb")
        if fcntl is None:
            return lock
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise TableError(
                f"{self.path} is being written by another process; wait for it, or choose "
                "another -o"
            ) from None
        return lock

    def _unlock(self) -> None:
        self._lock_path.unlink(missing_ok=True)
        self._lock.close()

    @property
    def table(self) -> LatencyTable:
        """Return what the file holds now."""
        return LatencyTable(self.manifest, tuple(self._rows))

    def append(self, row: Row) -> None:
        """Write one row and wait until it is on disk."""
        self._file.write(encode_row(row))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._rows.append(row)

    def close(self) -> LatencyTable:
        """Write the hash of the rows into the manifest and return the table."""
        self._file.close()  # the lock is kept until the context ends
        write_table(self.path, self.table)
        return read_table(self.path)

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
        finally:
            self._unlock()


def _chains(manifest: Manifest) -> str:
    return f"chains for {len(manifest.recipes)} modules" if manifest.recipes else "no chains"


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


def replace_file(path: Path, lines: list[bytes]) -> None:
    """Write a file at once: all of it or, whatever happens, none of it.

    Raises:
        LatencyError: The path names a device, a pipe or a folder, which must not be replaced.
    """
    if path.exists() and not path.is_file():
        raise LatencyError(f"{path} is no regular file; write to another one by -o")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, b"".join(lines))
