"""What the journal of a run tells, also while another process writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from engines import Closing

from ..errors import JournalError
from .config import RUN_FILE, RunConfig
from .database import JOURNAL_FILE, attempts, connect, has_table, translated
from .evaluation import COLUMNS, Batch, Evaluation, evaluation_of
from .lineage import Birth, read_births
from .rungs import RecordedPromotion, RungResult, read_promotions, read_results

Reader = TypeVar("Reader", bound="JournalReader")


class JournalReader(Closing):
    """Read the journal of one run; a context manager that closes its files.

    Make it with :meth:`read`.
    """

    def __init__(self, folder: Path, config: RunConfig, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self.config = config
        self._connection = connection

    @classmethod
    def read(cls: type[Reader], folder: Path) -> Reader:
        """Open a run for reading, also while another process writes it.

        Raises:
            RunError: The folder holds no run.
            JournalError: The files are damaged or of an unknown version.
        """
        config = RunConfig.load(folder)
        if not (folder / JOURNAL_FILE).exists():
            raise JournalError(f"{folder} holds {RUN_FILE} but no {JOURNAL_FILE}")
        return cls(folder, config, connect(folder / JOURNAL_FILE, write=False))

    def close(self) -> None:
        """Close the files; every result is on disk already."""
        self._connection.close()

    def promotions(self) -> tuple[RecordedPromotion, ...]:
        """Return who went on, in that order."""
        with self._translated() as connection:
            if not has_table(connection, "promotions"):
                return ()
            try:
                return read_promotions(connection)
            except ValueError as error:
                path = self.folder / JOURNAL_FILE
                raise JournalError(f"{path}: a promotion is damaged: {error}") from error

    def repeats(self, index: int, *, lost: bool) -> int:
        """Return how often an evaluation was tried again, after a failure or a lost worker."""
        with self._translated() as connection:
            query = "SELECT COUNT(*) FROM attempts WHERE evaluation = ? AND lost = ?"
            return int(connection.execute(query, (index, lost)).fetchone()[0])

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
                f"SELECT {COLUMNS} FROM evaluations "
                "WHERE evaluation >= ? ORDER BY evaluation LIMIT ?",
                (first, count),
            ).fetchall()
            earlier = attempts(connection, first)
            births = self._births(connection, first, count)
            rungs = self._rungs(connection, first, count)
        return tuple(
            replace(
                self._evaluation(row),
                earlier=earlier.get(row[0], ()),
                birth=births.get(row[0]),
                rungs=rungs.get(row[0], ()),
            )
            for row in rows
        )

    def _births(self, connection: sqlite3.Connection, first: int, count: int) -> dict[int, Birth]:
        """Return how proposals were made; runs of earlier versions do not tell."""
        if not has_table(connection, "lineage"):
            return {}
        try:
            return read_births(connection, first, count)
        except (ValueError, TypeError) as error:
            path = self.folder / JOURNAL_FILE
            raise JournalError(f"{path}: how proposals were made is damaged: {error}") from error

    def _rungs(
        self, connection: sqlite3.Connection, first: int, count: int
    ) -> dict[int, tuple[RungResult, ...]]:
        """Return results below the last rung; runs of earlier versions have none."""
        if self.config.fidelity is None:
            return {}
        names = [objective.name for objective in self.config.objectives]
        try:
            return read_results(connection, names, first, count)
        except (ValueError, TypeError, KeyError) as error:
            path = self.folder / JOURNAL_FILE
            raise JournalError(f"{path}: a rung's result is damaged: {error!r}") from error

    def _evaluation(self, row: Sequence[Any]) -> Evaluation:
        try:
            return evaluation_of(row, [objective.name for objective in self.config.objectives])
        except (ValueError, TypeError, KeyError) as error:
            path = self.folder / JOURNAL_FILE
            raise JournalError(f"{path}: evaluation {row[0]} is damaged: {error!r}") from error

    @contextmanager
    def _translated(self) -> Iterator[sqlite3.Connection]:
        with translated(self.folder / JOURNAL_FILE):
            yield self._connection
