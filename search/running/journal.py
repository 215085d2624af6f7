"""The journal of a run: every proposal and every result, committed as it happens.

``RUN/journal.sqlite`` (SQLite, write-ahead log) beside ``RUN/run.json``. Killed at any moment, at
most the evaluations that were running are lost. Proposals carry how many results the strategy
had been told before them, results the order in which they came: enough to replay a run exactly.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from searchspaces import Architecture

from .config import RunConfig, now
from .database import JOURNAL_FILE, connect, following, locked, next_order
from .evaluation import architecture_json, values_json
from .lineage import Birth, add_births
from .reading import JournalReader
from .resuming import agreed
from .rungs import RecordedPromotion, add_promotion, add_result


class Journal(JournalReader):
    """Write and read the journal of one run.

    Make it with :meth:`open`, one process at a time.
    """

    def __init__(self, folder: Path, config: RunConfig, connection: sqlite3.Connection) -> None:
        super().__init__(folder, config, connection)
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
        agreed(folder, config, resume)  # refuse before anything is written
        lock = locked(folder)
        try:
            settled = agreed(folder, config, resume)
            settled.save(folder)
            journal = cls(folder, settled, connect(folder / JOURNAL_FILE, write=True))
        except BaseException:
            lock.close()
            raise
        journal._lock = lock
        return journal

    def close(self) -> None:
        """Close the files; every result is on disk already."""
        super().close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def add_batch(
        self,
        requested: int,
        told_before: int,
        proposals: Sequence[tuple[str, Architecture]],
        births: Sequence[Birth] = (),
    ) -> None:
        """Record an ``ask`` and its answer: codes and architectures, and how they were made."""
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
                    (index, batch, code, architecture_json(arch), arch.digest)
                    for index, (code, arch) in enumerate(proposals, start=first)
                ],
            )
            add_births(connection, first, births)

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
        self._finish(index, "ok", values_json(values, compared), seconds)

    def pause(
        self, index: int, rung: tuple[int, float], values: Mapping[str, float], seconds: float
    ) -> None:
        """Record the values of an evaluation on a rung below the last.

        Args:
            index: Of the evaluation.
            rung: Its number and its share of a whole evaluation.
            values: Objective name -> value.
            seconds: Duration.
        """
        with self._transaction() as connection:
            order = next_order(connection)
            add_result(connection, index, rung, values_json(values, ()), seconds, order)

    def promote(self, recorded: RecordedPromotion) -> None:
        """Record that an evaluation goes on to the next rung."""
        with self._transaction() as connection:
            number = following(connection, "promotions", "promotion")
            add_promotion(connection, number, recorded)

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

    def note(self, name: str, text: str | None) -> None:
        """Record a remark about the whole run; ``None`` removes it."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM notes WHERE name = ?", (name,))
            if text is not None:
                connection.execute("INSERT INTO notes VALUES (?, ?)", (name, text))

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
            order = next_order(connection)
            connection.execute(
                "UPDATE evaluations SET status = ?, value_json = ?, error = ?, traceback = ?, "
                "finished_at = ?, seconds = ?, finished_order = ? WHERE evaluation = ?",
                (status, value_json, error, traceback, now(), seconds, order, index),
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._translated() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                if connection.in_transaction:  # a full disk has rolled it back already
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
