"""What to measure next: the seam between a profile's plan and the session that carries it out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

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


class FixedAgenda:
    """Measure a list once in its own order, then again in random ones.

    Args:
        workloads: What to measure, distinct; in the order of the first replicate.
        replicates: How often.
        seed: Of the later replicates' order.
    """

    def __init__(self, workloads: Sequence[Workload], replicates: int, seed: int) -> None:
        self._tasks = tuple(_in_order(workloads, replicates, np.random.default_rng(seed)))

    def next(self, table: LatencyTable) -> Task | None:
        """Return the first task of which the table has no row."""
        taken = {(row.workload.key, row.replicate) for row in table.rows}
        return next((task for task in self._tasks if task.key not in taken), None)

    def planned(self, table: LatencyTable) -> int:
        """Return the number of workloads times replicates."""
        return len(self._tasks)


def _in_order(
    workloads: Sequence[Workload], replicates: int, rng: np.random.Generator
) -> Iterator[Task]:
    for replicate in range(replicates):
        order = range(len(workloads)) if not replicate else rng.permutation(len(workloads))
        for index in order:
            yield Task(workloads[int(index)], replicate)
