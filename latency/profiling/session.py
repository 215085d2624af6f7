"""One sitting of a profile: ask what is next, have it measured, record, repeat what is refused."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..errors import ProfileError
from ..tables.pooling import MAX_ATTEMPTS
from ..tables.table import LatencyTable
from ..tables.table_writer import TableWriter
from .agenda import Agenda, Task
from .site import Site

Progress = Callable[[str, float, float], None]

REPEAT_AFTER = 8
"""Rows between a refused visit and its repetition: what disturbed it may then be over."""


class Session:
    """Have an agenda's measurements taken and written into a table.

    Args:
        site: Where they are taken.
        minutes: Stop after this long; ``None`` measures everything.
    """

    def __init__(self, site: Site, minutes: float | None) -> None:
        self._site = site
        self._minutes = minutes
        self._started = time.monotonic()

    def run(self, agenda: Agenda, writer: TableWriter, progress: Progress | None) -> None:
        """Measure until nothing is left or the time is over.

        Raises:
            ProfileError: The agenda asks for what the table already holds.
        """
        while True:  # ends: every turn adds a row, and each task has MAX_ATTEMPTS at most
            table = writer.table
            task = self._next(agenda, table)
            if task is None or self._is_over():
                break
            if progress:
                progress(task.workload.label, *self._done(agenda, table))
            writer.append(self._site.visit(task, _attempts(table, task), table.reference_ms))
        if progress and task is None:
            _, total = self._done(agenda, table)
            progress("profile complete", total, total)

    def _is_over(self) -> bool:
        minutes = self._minutes
        return minutes is not None and time.monotonic() - self._started >= 60 * minutes

    def _next(self, agenda: Agenda, table: LatencyTable) -> Task | None:
        """Return a refused task whose time has come, else the agenda's next, else any refused."""
        waiting = to_repeat(table)
        due = [task for task, age in waiting if age >= REPEAT_AFTER]
        if due:
            return due[0]
        task = agenda.next(table)
        if task is None:
            return waiting[0][0] if waiting else None
        if _attempts(table, task):
            raise ProfileError(
                f"the agenda asks again for {task.workload.label}, replicate {task.replicate}, "
                "which the table holds; an agenda must look at the table's rows"
            )
        return task

    def _done(self, agenda: Agenda, table: LatencyTable) -> tuple[float, float]:
        planned, minutes = agenda.planned(table), self._minutes
        taken = len({row.visit[:2] for row in table.rows})
        if planned is not None:
            return taken, planned
        if minutes is not None:
            return min((time.monotonic() - self._started) / 60, minutes), minutes
        return taken, taken + 1


def to_repeat(table: LatencyTable) -> list[tuple[Task, int]]:
    """Return refused tasks that have attempts left, with the rows taken since; oldest first."""
    visits: dict[tuple[str, int], list[int]] = {}
    for index, row in enumerate(table.rows):
        visits.setdefault(row.visit[:2], []).append(index)
    waiting = []
    for indices in visits.values():
        rows = [table.rows[index] for index in indices]
        refused = all(row.refused and not row.exploratory for row in rows)
        if refused and len(rows) < MAX_ATTEMPTS:
            task = Task(rows[0].workload, rows[0].replicate)
            waiting.append((task, len(table.rows) - 1 - indices[-1]))
    return sorted(waiting, key=lambda item: -item[1])


def _attempts(table: LatencyTable, task: Task) -> int:
    return sum(row.visit[:2] == task.key for row in table.rows)
