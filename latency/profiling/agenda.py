"""What to measure next: the seam between a profile's plan and the session that carries it out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..tables.row import Row
from ..tables.table import LatencyTable
from ..workloads.workload import Workload


@dataclass(frozen=True, slots=True)
class Task:
    """Name one measurement to take.

    Attributes:
        workload: What to time.
        replicate: Which independent repetition of it, from 0.
    """

    workload: Workload
    replicate: int = 0

    @property
    def key(self) -> tuple[str, int]:
        """Return what rows of the table know it by."""
        return self.workload.key, self.replicate


class Agenda(Protocol):
    """Choose what is measured next from what is known.

    An agenda is asked before every measurement and keeps nothing that it cannot find again in the
    table, so that a profile that was killed goes on where it stopped. Refused visits are repeated
    by the session: for the agenda a task of which there is any row is taken.
    """

    def next(self, table: LatencyTable) -> Task | None:
        """Return the next task; None when nothing is left to measure.

        Args:
            table: All rows so far, refused ones and failures included.
        """

    def planned(self, table: LatencyTable) -> int | None:
        """Return how many tasks there are in all, those done included; None if open-ended."""


class ListedAgenda:
    """Take tasks in the order in which they are listed.

    Args:
        tasks: Distinct ones.
    """

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks = tuple(tasks)

    def next(self, table: LatencyTable) -> Task | None:
        """Return the first task of which the table has no row."""
        taken = {(row.workload.key, row.replicate) for row in table.rows}
        return next((task for task in self._tasks if task.key not in taken), None)

    def planned(self, table: LatencyTable) -> int:
        """Return the number of tasks."""
        return len(self._tasks)


class FixedAgenda(ListedAgenda):
    """Measure a list once in its own order, then again in random ones.

    Args:
        workloads: What to measure, distinct; in the order of the first replicate.
        replicates: How often.
        seed: Of the later replicates' order.
    """

    def __init__(self, workloads: Sequence[Workload], replicates: int, seed: int) -> None:
        super().__init__(tasks_in_order(workloads, replicates, np.random.default_rng(seed)))


def tasks_in_order(
    workloads: Sequence[Workload], replicates: int, rng: np.random.Generator
) -> Iterator[Task]:
    """Yield every workload once in its own order, then again in random ones."""
    for replicate in range(replicates):
        order = range(len(workloads)) if not replicate else rng.permutation(len(workloads))
        for index in order:
            yield Task(workloads[int(index)], replicate)


class RepeatingAgenda(ListedAgenda):
    """Measure what another table holds, in the order in which it was measured there.

    Args:
        table: What was measured before; engines that were delivered apart.
        replicates: Those before are taken up to this number; if it is more than there are, all
            workloads are measured so much more often, in random orders.
        seed: Of these orders.
    """

    def __init__(self, table: LatencyTable, replicates: int, seed: int) -> None:
        tasks = {(r.workload.key, r.replicate): Task(r.workload, r.replicate) for r in _own(table)}
        workloads = list({key: task.workload for (key, _), task in tasks.items()}.values())
        more = tasks_in_order(workloads, replicates, np.random.default_rng(seed))
        known = replicates_of(table)
        super().__init__(
            [
                *(task for task in tasks.values() if task.replicate < replicates),
                *(task for task in more if task.replicate >= known),
            ]
        )


def replicates_of(table: LatencyTable) -> int:
    """Return how often a profile measured the workload that it measured most often."""
    return max((1 + row.replicate for row in _own(table)), default=0)


def _own(table: LatencyTable) -> Iterator[Row]:
    return (row for row in table.rows if not row.delivered)
