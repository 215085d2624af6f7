"""Append to a table file as measurements are taken: by one writer at a time, row by row."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO

from ..errors import TableError
from ..files import replace_file
from .manifest import Manifest
from .row import Row
from .row_text import encode_line, encode_row
from .table import LatencyTable
from .table_file import read_table, write_table

try:
    import fcntl
except ImportError:  # not on Windows, which then has no lock
    fcntl = None  # type: ignore[assignment]


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
        table, refusal = read_table(self.path), f"{self.path}, line 1: it cannot be resumed"
        table.manifest.require_same(manifest, refusal)
        for name in ("space", "seed", "software"):
            ours, theirs = getattr(manifest, name), getattr(table.manifest, name)
            if ours != theirs:
                raise TableError(f"{refusal}: {name} is {ours!r} here, {theirs!r} there")
        if manifest.recipes != table.manifest.recipes:
            raise TableError(
                f"{refusal}: it was begun with {_chains(table.manifest)} (recipes), now there are "
                f"{_chains(manifest)}; resume with the same --modules or --no-modules"
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
