"""The journal of a run: every proposal and every result, committed as it happens.

``RUN/journal.sqlite`` (SQLite, write-ahead log) beside ``RUN/run.json``. Killed at any moment, at
most the evaluations that were running are lost. Proposals carry how many results the strategy
had been told before them, results the order in which they came: enough to replay a run exactly.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .config import RUN_FILE, SCHEMA_VERSION, RunConfig, now
from .errors import JournalError, RunError

if TYPE_CHECKING:
    from searchspaces import Architecture

JOURNAL_FILE = "journal.sqlite"
LOCK_FILE = "lock.sqlite"

_SCHEMA = f"""
BEGIN;
CREATE TABLE batches (
    batch INTEGER PRIMARY KEY,
    requested INTEGER NOT NULL,
    told_before INTEGER NOT NULL
);
CREATE TABLE evaluations (
    evaluation INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL REFERENCES batches,
    code TEXT NOT NULL,
    architecture TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL CHECK (status IN ('asked', 'running', 'ok', 'failed')),
    value_json TEXT,
    error TEXT,
    traceback TEXT,
    started_at TEXT,
    finished_at TEXT,
    seconds REAL,
    finished_order INTEGER UNIQUE
);
CREATE TABLE notes (name TEXT PRIMARY KEY, text TEXT NOT NULL);
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One architecture of a run and what became of it.

    Attributes:
        index: Zero-based place in the order of proposals.
        batch: Zero-based number of the ``ask`` that proposed it.
        architecture: The architecture.
        code: Its code, as the space writes it.
        status: ``asked``, ``running``, ``ok`` or ``failed``.
        values: In the order of the objectives; all NaN unless ``ok``.
        error: Why it failed, in one line.
        traceback: Where it failed, for debugging.
        started_at: ISO 8601, UTC.
        finished_at: ISO 8601, UTC.
        seconds: Duration of the evaluation.
        finished_order: Zero-based place in the order of results.
    """

    index: int
    batch: int
    architecture: Architecture
    code: str
    status: str
    values: tuple[float, ...]
    error: str | None = None
    traceback: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    seconds: float | None = None
    finished_order: int | None = None

    @property
    def finished(self) -> bool:
        """Return whether there is a result, good or bad."""
        return self.status in ("ok", "failed")


@dataclass(frozen=True, slots=True)
class Batch:
    """One ``ask``: its number, how many were asked for, and how many results were told before."""

    index: int
    requested: int
    told_before: int


class Journal:
    """Write and read the journal of one run; a context manager that closes its files.

    Make it with :meth:`open` (to write; one process at a time) or :meth:`read`.
    """

    def __init__(
        self, folder: Path, config: RunConfig, connection: sqlite3.Connection
    ) -> None:
        self.folder = folder
        self.config = config
        self._connection = connection
        self._lock: sqlite3.Connection | None = None

    @classmethod
    def open(cls, folder: Path, config: RunConfig, *, resume: bool) -> Journal:
        """Begin a run in a folder, or go on with the one it holds.

        With ``resume``, a folder without a run begins one. A run may be resumed with more
        evaluations than it was begun with.

        Raises:
            RunError: The folder holds a run and ``resume`` is off; the run was begun with another
                configuration; or another process is writing it.
            JournalError: The files are damaged or of an unknown version.
        """
        begun = (folder / RUN_FILE).exists()
        if not begun and (folder / JOURNAL_FILE).exists():
            raise JournalError(f"{folder} holds {JOURNAL_FILE} but no {RUN_FILE}; use another -o")
        if begun and not resume:
            raise RunError(
                f"{folder} already holds a search run; go on with --resume, or choose another -o"
            )
        if begun:
            config = _continued(RunConfig.load(folder), config, folder)
        folder.mkdir(parents=True, exist_ok=True)
        lock = _locked(folder)
        try:
            config.save(folder)
            journal = cls(folder, config, _connect(folder / JOURNAL_FILE, write=True))
        except BaseException:
            lock.close()
            raise
        journal._lock = lock
        return journal

    @classmethod
    def read(cls, folder: Path) -> Journal:
        """Open a run for reading, also while another process writes it.

        Raises:
            RunError: The folder holds no run.
            JournalError: The files are damaged or of an unknown version.
        """
        config = RunConfig.load(folder)
        if not (folder / JOURNAL_FILE).exists():
            raise JournalError(f"{folder} holds {RUN_FILE} but no {JOURNAL_FILE}")
        return cls(folder, config, _connect(folder / JOURNAL_FILE, write=False))

    def __enter__(self) -> Journal:
        """Return the journal itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close the files."""
        self.close()

    def close(self) -> None:
        """Close the files; every result is on disk already."""
        self._connection.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def add_batch(
        self, requested: int, told_before: int, proposals: Mapping[str, Architecture]
    ) -> None:
        """Record an ``ask`` and its answer, code -> architecture in order."""
        with self._transaction() as connection:
            batch = _count(connection, "batches")
            connection.execute(
                "INSERT INTO batches VALUES (?, ?, ?)", (batch, requested, told_before)
            )
            first = _count(connection, "evaluations")
            connection.executemany(
                "INSERT INTO evaluations (evaluation, batch, code, architecture, digest, status) "
                "VALUES (?, ?, ?, ?, ?, 'asked')",
                [
                    (index, batch, code, json.dumps([arch.space, arch.genes]), arch.digest)
                    for index, (code, arch) in enumerate(proposals.items(), start=first)
                ],
            )

    def start(self, index: int) -> None:
        """Record that an evaluation has begun."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE evaluations SET status = 'running', started_at = ? WHERE evaluation = ?",
                (now(), index),
            )

    def succeed(self, index: int, values: Mapping[str, float], seconds: float) -> None:
        """Record the values of an evaluation, objective name -> value."""
        self._finish(index, "ok", json.dumps(dict(values), allow_nan=False), seconds)

    def fail(self, index: int, error: str, traceback: str, seconds: float) -> None:
        """Record that an evaluation failed, and why."""
        self._finish(index, "failed", None, seconds, error, traceback)

    def note(self, name: str, text: str | None) -> None:
        """Record a remark about the whole run; ``None`` removes it."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM notes WHERE name = ?", (name,))
            if text is not None:
                connection.execute("INSERT INTO notes VALUES (?, ?)", (name, text))

    def noted(self, name: str) -> str | None:
        """Return a remark, or ``None``."""
        with self._translated() as connection:
            row = connection.execute("SELECT text FROM notes WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def batches(self) -> tuple[Batch, ...]:
        """Return every ``ask`` in order."""
        with self._translated() as connection:
            query = "SELECT batch, requested, told_before FROM batches ORDER BY batch"
            return tuple(Batch(*row) for row in connection.execute(query))

    def evaluations(self) -> tuple[Evaluation, ...]:
        """Return every proposal in order, with its result where there is one."""
        with self._translated() as connection:
            rows = connection.execute(
                "SELECT evaluation, batch, architecture, digest, code, status, value_json, error, "
                "traceback, started_at, finished_at, seconds, finished_order "
                "FROM evaluations ORDER BY evaluation"
            ).fetchall()
        return tuple(self._evaluation(row) for row in rows)

    def _finish(
        self,
        index: int,
        status: str,
        value_json: str | None,
        seconds: float,
        error: str | None = None,
        traceback: str | None = None,
    ) -> None:
        with self._transaction() as connection:
            connection.execute(
                "UPDATE evaluations SET status = ?, value_json = ?, error = ?, traceback = ?, "
                "finished_at = ?, seconds = ?, finished_order = "
                "(SELECT COUNT(finished_order) FROM evaluations) WHERE evaluation = ?",
                (status, value_json, error, traceback, now(), seconds, index),
            )

    def _evaluation(self, row: Sequence[Any]) -> Evaluation:
        from searchspaces import Architecture

        index, batch, text, digest, code, status, value_json, *rest = row
        names = [objective.name for objective in self.config.objectives]
        try:
            space, genes = json.loads(text)
            architecture = Architecture(space, tuple(genes))
            if architecture.digest != digest:
                raise ValueError("the digest does not match the architecture")
            table = dict.fromkeys(names, math.nan) if status != "ok" else json.loads(value_json)
            values = tuple(float(table[name]) for name in names)
        except (ValueError, TypeError, KeyError) as error:
            path = self.folder / JOURNAL_FILE
            raise JournalError(f"{path}: evaluation {index} is damaged: {error!r}") from error
        return Evaluation(index, batch, architecture, code, status, values, *rest)

    @contextmanager
    def _translated(self) -> Iterator[sqlite3.Connection]:
        with _translated(self.folder / JOURNAL_FILE):
            yield self._connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._translated() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


def _continued(recorded: RunConfig, config: RunConfig, folder: Path) -> RunConfig:
    """Return the recorded configuration, with the new number of evaluations."""
    for field, theirs, mine in recorded.differences(config):
        raise RunError(
            f"{folder} was begun with {field} = {theirs!r}, now it is {mine!r}; resume with the "
            "same settings, or choose another -o"
        )
    if config.evals < recorded.evals:
        raise RunError(
            f"{folder} was begun with evals = {recorded.evals}, now it is {config.evals}; "
            "a run can be made longer, not shorter"
        )
    return replace(recorded, evals=config.evals)


def _connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """Open the database, make its tables if it is new, and check it."""
    with _translated(path):
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
    return connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0] == 0


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


def _locked(folder: Path) -> sqlite3.Connection:
    """Hold the folder's write lock until the connection closes or the process ends."""
    lock = sqlite3.connect(folder / LOCK_FILE, isolation_level=None, timeout=0.0)
    try:
        with _translated(folder / LOCK_FILE):
            lock.execute("BEGIN EXCLUSIVE")
    except JournalError as error:
        lock.close()
        raise RunError(f"another process is writing the run in {folder}") from error
    return lock


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise JournalError(f"{path} cannot be used: {error}") from error
