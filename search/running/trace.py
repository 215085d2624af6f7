"""RUN/trace.csv: one line per result, with the hypervolume and the best so far.

Made from the journal whenever a run begins or goes on, and then continued line by line: the
journal alone decides what a run is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from searchspaces import append_whole, write_atomically, writing

from ..errors import RunError
from ..objectives.objective import Constraint, Objective
from ..spaces.partial import is_partial
from .database import JOURNAL_FILE
from .evaluation import Evaluation
from .rungs import RungResult
from .standing import Standing

TRACE_FILE = "trace.csv"


class Trace:
    """Write the trace of a run.

    Args:
        folder: Of the run.
        objectives: Its objectives.
        constraints: That every result keeps.
        history: Results that there are already.

    Attributes:
        standing: How far the run is.

    Raises:
        RunError: The file cannot be written, here or later; the lines before are whole.
    """

    def __init__(
        self,
        folder: Path,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        history: Sequence[Evaluation],
    ) -> None:
        self.standing = Standing(objectives, constraints)
        names = [goal.name for goal in objectives]
        header = ["order", "evaluation", "arch", "status", "share", *names, "hypervolume"]
        header += [f"best_{name}" for name in names] + ["seconds", "finished_at", "error"]
        self._columns = len(names)
        found: list[tuple[int, Evaluation, RungResult | None]] = []
        for each in history:
            found += [(result.finished_order, each, result) for result in each.rungs]
            if each.finished_order is not None:
                found.append((each.finished_order, each, None))
        found.sort(key=lambda result: result[0])
        text = _line(header) + "".join(self._next(each, rung) for _, each, rung in found)
        self._path = folder / TRACE_FILE
        with self._writing():
            write_atomically(self._path, text.encode())

    def add(self, evaluation: Evaluation) -> None:
        """Append the latest result of an evaluation, on whichever rung."""
        paused = evaluation.status == "paused"
        line = self._next(evaluation, evaluation.rungs[-1] if paused else None)
        with self._writing():
            append_whole(self._path, line.encode())

    def _writing(self) -> AbstractContextManager[None]:
        return writing(self._path, RunError, lambda: f"every result is in {JOURNAL_FILE}")

    def _next(self, evaluation: Evaluation, rung: RungResult | None) -> str:
        """Take a result into account and return its line; what failed has no values.

        One of a rung below the last is written down, and counts for nothing else.
        """
        if rung is None and not is_partial(evaluation.architecture):
            self.standing.add(evaluation.values)
        blank = [""] * self._columns
        result: RungResult | Evaluation = evaluation if rung is None else rung
        failed = rung is None and evaluation.status != "ok"
        return _line(
            [
                result.finished_order,
                evaluation.index,
                evaluation.code,
                evaluation.status if rung is None else "paused",
                "" if failed else 1.0 if rung is None else rung.share,
                *(blank if failed else result.values),
                self.standing.hypervolume,
                *(self.standing.best or blank),
                result.seconds,
                result.finished_at,
                evaluation.error or "" if rung is None else "",
            ]
        )


def _line(cells: Sequence[object]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
