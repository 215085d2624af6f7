"""RUN/trace.csv: one line per result, with the hypervolume and the best so far.

Made from the journal whenever a run begins or goes on, and then continued line by line: the
journal alone decides what a run is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from searchspaces import write_atomically

from .journal import Evaluation
from .objective import Constraint, Objective
from .partial import is_partial
from .standing import Standing

if TYPE_CHECKING:
    from typing_extensions import Self

TRACE_FILE = "trace.csv"


class Trace:
    """Write the trace of a run; a context manager.

    Args:
        folder: Of the run.
        objectives: Its objectives.
        constraints: That every result keeps.
        history: Results that there are already.

    Attributes:
        standing: How far the run is.
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
        header = ["order", "evaluation", "arch", "status", *names, "hypervolume"]
        header += [f"best_{name}" for name in names] + ["seconds", "finished_at", "error"]
        self._columns = len(names)
        finished = [e for e in history if e.finished_order is not None]
        finished.sort(key=lambda evaluation: evaluation.finished_order or 0)
        text = _line(header) + "".join(map(self._next, finished))
        path = folder / TRACE_FILE
        write_atomically(path, text.encode())
        self._file = path.open("a", encoding="utf-8", newline="")

    def add(self, evaluation: Evaluation) -> None:
        """Append a result."""
        self._file.write(self._next(evaluation))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _next(self, evaluation: Evaluation) -> str:
        """Take a result into account and return its line; what failed has no values."""
        if not is_partial(evaluation.architecture):
            self.standing.add(evaluation.values)
        blank = [""] * self._columns
        values = list(evaluation.values) if evaluation.status == "ok" else blank
        return _line(
            [
                evaluation.finished_order,
                evaluation.index,
                evaluation.code,
                evaluation.status,
                *values,
                self.standing.hypervolume,
                *(self.standing.best or blank),
                evaluation.seconds,
                evaluation.finished_at,
                evaluation.error or "",
            ]
        )


def _line(cells: Sequence[object]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
