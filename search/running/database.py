"""The SQLite file under the journal: its tables, opening, checking, locking."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from ..errors import JournalError, RunError
from .config import SCHEMA_VERSION
from .lineage import LINEAGE
from .rungs import TABLES

JOURNAL_FILE = "journal.sqlite"
LOCK_FILE = "lock.sqlite"

FULL = "disk is full"  # of SQLite's words for it
ROOM = "; every result before is kept; make room on the disk, then go on by --resume"

_ATTEMPTS = """
CREATE TABLE IF NOT EXISTS attempts (
    evaluation INTEGER NOT NULL REFERENCES evaluations (evaluation),
    lost INTEGER NOT NULL,
    error TEXT NOT NULL,
    traceback TEXT,
    at TEXT NOT NULL
);
"""
"""Tries that were repeated. Added to runs of earlier versions, which can do without it."""

_SCHEMA = f"""
BEGIN;
CREATE TABLE batches (
    batch INTEGER PRIMARY KEY,
    requested INTEGER NOT NULL,
    told_before INTEGER NOT NULL
);
CREATE TABLE evaluations (
    evaluation INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL REFERENCES batches (batch),
    code TEXT NOT NULL,
    architecture TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL CHECK (
        status IN ('asked', 'running', 'paused', 'ok', 'failed')
    ),
    value_json TEXT,
    error TEXT,
    traceback TEXT,
    started_at TEXT,
    finished_at TEXT,
    seconds REAL,
    finished_order INTEGER UNIQUE
);
CREATE TABLE notes (name TEXT PRIMARY KEY, text TEXT NOT NULL);
{_ATTEMPTS}{TABLES}{LINEAGE}
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""


def connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """Open the database of a run, make its tables if it is new, and check it.

    Raises:
        JournalError: It is damaged, or of an unknown schema version.
    """
    with translated(path):
        connection = sqlite3.connect(_uri(path, write=write), uri=True, isolation_level=None)
        try:
            if write:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if write and found == 0 and _is_empty(connection):
                connection.executescript(_SCHEMA)
                found = SCHEMA_VERSION
            if found != SCHEMA_VERSION:
                raise JournalError(
                    f"{path} has schema version {found}; this detfit reads {SCHEMA_VERSION}"
                )
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise JournalError(f"{path} is damaged: {' '.join(str(verdict).split())}")
            if write:
                connection.executescript(_ATTEMPTS + TABLES + LINEAGE)
        except BaseException:
            connection.close()
            raise
        return connection


def _uri(path: Path, *, write: bool) -> str:
    """Return SQLite's name of the file.

    A reader of a run that nobody writes opens it as immutable, so as to leave no files behind
    and to work on a read-only disk.
    """
    uri = f"file:{quote(str(path.absolute()))}"
    if write:
        return uri + "?mode=rwc"
    unused = not path.with_name(path.name + "-wal").exists()
    return uri + ("?mode=ro&immutable=1" if unused else "?mode=ro")


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchone() is None


def has_table(connection: sqlite3.Connection, name: str) -> bool:
    """Return whether the database has a table of that name."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (name,)).fetchone() is not None


def following(connection: sqlite3.Connection, table: str, key: str) -> int:
    """Return the number after the largest key of a table; 0 if it is empty."""
    query = f"SELECT COALESCE(MAX({key}), -1) + 1 FROM {table}"
    return int(connection.execute(query).fetchone()[0])


def next_order(connection: sqlite3.Connection) -> int:
    """Return the place of the next result, on whichever rung."""
    tables = ("evaluations", "rung_results")
    return max(following(connection, table, "finished_order") for table in tables)


def locked(folder: Path) -> sqlite3.Connection:
    """Make a folder and hold its write lock until the connection closes or the process ends.

    Raises:
        RunError: Another process holds it, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = sqlite3.connect(folder / LOCK_FILE, isolation_level=None, timeout=0.0)
    except (OSError, sqlite3.Error) as error:
        raise RunError(f"{folder} cannot be written: {error}; choose another -o") from error
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        lock.close()
        if "locked" in str(error):
            raise RunError(f"another process is writing the run in {folder}") from error
        raise RunError(f"{folder} cannot be written: {error}; choose another -o") from error
    return lock


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into one line that names the file.

    Raises:
        JournalError: SQLite failed.
    """
    try:
        yield
    except sqlite3.Error as error:
        fix = ROOM if FULL in str(error) else ""
        raise JournalError(f"{path} cannot be used: {error}{fix}") from error


def attempts(connection: sqlite3.Connection, first: int) -> dict[int, tuple[str, ...]]:
    """Return why evaluations were tried again; runs of earlier versions never did."""
    if not has_table(connection, "attempts"):
        return {}
    query = "SELECT evaluation, error FROM attempts WHERE evaluation >= ? ORDER BY rowid"
    found: dict[int, tuple[str, ...]] = {}
    for index, error in connection.execute(query, (first,)).fetchall():
        found[index] = (*found.get(index, ()), str(error))
    return found
