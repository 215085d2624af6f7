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
from typing import Any

from searchspaces import Architecture

from .config import RUN_FILE, RunConfig, now
from .database import connect, following, has_table, locked, translated
from .errors import JournalError, RunError

JOURNAL_FILE = "journal.sqlite"
FINISHED = ("ok", "failed")
_COMPARED = ""  # among the values: what the constraints compare; no objective's name is blank


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
        compared: What each constraint of the run compares: the value itself, or what it stays
            below with the confidence asked for. Empty unless ``ok``.
        earlier: Why it was tried again, once for every try before the last one.
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
    compared: tuple[float, ...] = ()
    earlier: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Return whether there is a result, good or bad."""
        return self.status in FINISHED


@dataclass(frozen=True, slots=True)
class Batch:
    """One ``ask``.

    Attributes:
        index: Zero-based place in the order of asking.
        requested: Architectures asked for.
        told_before: Results that the strategy had been told before.
        proposed: Architectures proposed; fewer than requested where the space was exhausted.
    """

    index: int
    requested: int
    told_before: int
    proposed: int


class Journal:
    """Write and read the journal of one run; a context manager that closes its files.

    Make it with :meth:`open` (to write; one process at a time) or :meth:`read`.
    """

    def __init__(self, folder: Path, config: RunConfig, connection: sqlite3.Connection) -> None:
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
                configuration; another process is writing it; or it cannot be written.
            JournalError: The files are damaged or of an unknown version.
        """
        _agreed(folder, config, resume)  # refuse before anything is written
        lock = locked(folder)
        try:
            agreed = _agreed(folder, config, resume)
            agreed.save(folder)
            journal = cls(folder, agreed, connect(folder / JOURNAL_FILE, write=True))
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
        return cls(folder, config, connect(folder / JOURNAL_FILE, write=False))

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
        self, requested: int, told_before: int, proposals: Sequence[tuple[str, Architecture]]
    ) -> None:
        """Record an ``ask`` and its answer: codes and architectures."""
        with self._transaction() as connection:
            batch = following(connection, "batches", "batch")
            connection.execute(
                "INSERT INTO batches VALUES (?, ?, ?)", (batch, requested, told_before)
            )
            first = following(connection, "evaluations", "evaluation")
            connection.executemany(
                "INSERT INTO evaluations (evaluation, batch, code, architecture, digest, status) "
                "VALUES (?, ?, ?, ?, ?, 'asked')",
                [
                    (index, batch, code, json.dumps([arch.space, arch.genes]), arch.digest)
                    for index, (code, arch) in enumerate(proposals, start=first)
                ],
            )

    def start(self, index: int) -> None:
        """Record that an evaluation has begun."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE evaluations SET status = 'running', started_at = ? WHERE evaluation = ?",
                (now(), index),
            )

    def succeed(
        self,
        index: int,
        values: Mapping[str, float],
        seconds: float,
        compared: Sequence[float] = (),
    ) -> None:
        """Record the values of an evaluation, objective name -> value.

        ``compared`` is what the run's constraints compare, in their order.
        """
        table = {**values, _COMPARED: list(compared)}
        self._finish(index, "ok", json.dumps(table, allow_nan=False), seconds)

    def fail(self, index: int, error: str, traceback: str, seconds: float) -> None:
        """Record that an evaluation failed, and why."""
        self._finish(index, "failed", None, seconds, error, traceback)

    def repeat(self, index: int, error: str, traceback: str | None, *, lost: bool) -> None:
        """Record why an evaluation is to be tried once more.

        Args:
            index: Of the evaluation.
            error: What happened, in one line.
            traceback: Where, if known.
            lost: Whether its worker died.
        """
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO attempts VALUES (?, ?, ?, ?, ?)",
                (index, lost, error, traceback, now()),
            )
            connection.execute(
                "UPDATE evaluations SET status = 'asked' WHERE evaluation = ?", (index,)
            )

    def repeats(self, index: int, *, lost: bool) -> int:
        """Return how often an evaluation was tried again, after a failure or a lost worker."""
        with self._translated() as connection:
            query = "SELECT COUNT(*) FROM attempts WHERE evaluation = ? AND lost = ?"
            return int(connection.execute(query, (index, lost)).fetchone()[0])

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
            rows = connection.execute(
                "SELECT batch, requested, told_before, COUNT(evaluation) "
                "FROM batches LEFT JOIN evaluations USING (batch) GROUP BY batch ORDER BY batch"
            ).fetchall()
        for row in rows:
            if not all(isinstance(number, int) for number in row):
                raise JournalError(f"{self.folder / JOURNAL_FILE}: batch {row[0]!r} is damaged")
        return tuple(Batch(*row) for row in rows)

    def evaluations(self, first: int = 0, count: int = -1) -> tuple[Evaluation, ...]:
        """Return proposals from ``first`` on, with their results where there are any.

        Args:
            first: Place of the first one.
            count: How many at most; all that there are if negative.
        """
        with self._translated() as connection:
            rows = connection.execute(
                "SELECT evaluation, batch, architecture, digest, code, status, value_json, error, "
                "traceback, started_at, finished_at, seconds, finished_order "
                "FROM evaluations WHERE evaluation >= ? ORDER BY evaluation LIMIT ?",
                (first, count),
            ).fetchall()
            earlier = _attempts(connection, first)
        return tuple(
            replace(self._evaluation(row), earlier=earlier.get(row[0], ())) for row in rows
        )

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
            order = following(connection, "evaluations", "finished_order")
            connection.execute(
                "UPDATE evaluations SET status = ?, value_json = ?, error = ?, traceback = ?, "
                "finished_at = ?, seconds = ?, finished_order = ? WHERE evaluation = ?",
                (status, value_json, error, traceback, now(), seconds, order, index),
            )

    def _evaluation(self, row: Sequence[Any]) -> Evaluation:
        index, batch, text, digest, code, status, value_json, *rest = row
        names = [objective.name for objective in self.config.objectives]
        try:
            space, genes = json.loads(text)
            architecture = Architecture(space, tuple(genes))
            if architecture.digest != digest:
                raise ValueError("the digest does not match the architecture")
            table = dict.fromkeys(names, math.nan) if status != "ok" else json.loads(value_json)
            values = tuple(float(table[name]) for name in names)
            compared = _numbers(table.get(_COMPARED, ()))
            if status == "ok" and not all(map(math.isfinite, values)):
                raise ValueError(f"values {values} are not finite")
            if status in FINISHED and not isinstance(rest[-1], int):
                raise ValueError(f"finished_order is {rest[-1]!r}")
        except (ValueError, TypeError, KeyError) as error:
            path = self.folder / JOURNAL_FILE
            raise JournalError(f"{path}: evaluation {index} is damaged: {error!r}") from error
        evaluation = Evaluation(index, batch, architecture, code, status, values, *rest)
        return replace(evaluation, compared=compared)

    @contextmanager
    def _translated(self) -> Iterator[sqlite3.Connection]:
        with translated(self.folder / JOURNAL_FILE):
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


def _attempts(connection: sqlite3.Connection, first: int) -> dict[int, tuple[str, ...]]:
    """Return why evaluations were tried again; runs of earlier versions never did."""
    if not has_table(connection, "attempts"):
        return {}
    query = "SELECT evaluation, error FROM attempts WHERE evaluation >= ? ORDER BY rowid"
    found: dict[int, tuple[str, ...]] = {}
    for index, error in connection.execute(query, (first,)).fetchall():
        found[index] = (*found.get(index, ()), str(error))
    return found


def _numbers(raw: Any) -> tuple[float, ...]:
    return tuple(float(number) for number in raw)


def _agreed(folder: Path, config: RunConfig, resume: bool) -> RunConfig:
    """Return the configuration to go on with, or say why the folder cannot be used."""
    if not (folder / RUN_FILE).exists():
        if (folder / JOURNAL_FILE).exists():
            raise JournalError(f"{folder} holds {JOURNAL_FILE} but no {RUN_FILE}; use another -o")
        return config
    if not resume:
        raise RunError(
            f"{folder} already holds a search run; go on with --resume, or choose another -o"
        )
    recorded = RunConfig.load(folder)
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
