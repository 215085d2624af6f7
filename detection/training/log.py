"""The history of a run as a CSV file, and for TensorBoard where that is wanted."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from searchspaces import append_whole, write_atomically, writing

from ..errors import CheckpointError, TrainingError
from .checkpoint import kept_in
from .report import TrainRow

CSV_NAME, TENSORBOARD_FOLDER = "log.csv", "tensorboard"


class TrainLog:
    """Write rows as they come; a resumed run goes on where its checkpoint was.

    Args:
        folder: Of the run.
        history: Rows that the checkpoint holds; what the file has beyond is left out.
        tensorboard: Whether to write for TensorBoard too.

    Raises:
        TrainingError: TensorBoard is wanted and not installed.
        CheckpointError: A file cannot be written, here or later; what it held before is whole.
    """

    def __init__(self, folder: Path, history: Sequence[TrainRow], tensorboard: bool) -> None:
        self._path, self._shown = folder / CSV_NAME, folder / TENSORBOARD_FOLDER
        self._columns: list[str] = []
        self._writer: Any = None
        if tensorboard:
            with self._writing(self._shown):
                self._writer = _summary_writer(self._shown, history)
        self._write_all(history)

    def add(self, history: Sequence[TrainRow]) -> None:
        """Write the last row of a history."""
        row = history[-1]
        if set(row.losses) - set(self._columns):
            self._write_all(history)
        else:
            with self._writing(self._path):
                append_whole(self._path, _text([_cells(row)], self._columns).encode())
        self._show(_cells(row), row.step)

    def add_scores(self, history: Sequence[TrainRow]) -> None:
        """Write the scores that the last row of a history, which is there, has got."""
        self._write_all(history)
        self._show(history[-1].scores, history[-1].step)

    def close(self) -> None:
        """Finish TensorBoard's file."""
        if self._writer is not None:
            with self._writing(self._shown):
                self._writer.close()

    def _show(self, values: Mapping[str, float], step: int) -> None:
        if self._writer is not None:
            with self._writing(self._shown):
                for name, value in values.items():
                    self._writer.add_scalar(name, value, step)

    def _write_all(self, history: Sequence[TrainRow]) -> None:
        losses = dict.fromkeys(name for row in history for name in row.losses)
        scores = dict.fromkeys(name for row in history for name in row.scores)
        self._columns = ["step", "lr", "total", *losses, *scores]
        rows = [dict(zip(self._columns, self._columns, strict=True)), *map(_cells, history)]
        with self._writing(self._path):
            write_atomically(self._path, _text(rows, self._columns).encode())

    def _writing(self, path: Path) -> AbstractContextManager[None]:
        return writing(path, CheckpointError, lambda: kept_in(self._path.parent))


def _cells(row: TrainRow) -> dict[str, Any]:
    return {"step": row.step, "lr": row.lr, "total": row.total, **row.losses, **row.scores}


def _text(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.DictWriter(buffer, columns, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def require_tensorboard() -> Any:
    """Return TensorBoard's writer class.

    Raises:
        TrainingError: It is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise TrainingError(
            "tensorboard is not installed: pip install 'detfit[train]', or train without it; "
            f"{CSV_NAME} is written in any case"
        ) from error
    return SummaryWriter


def _summary_writer(folder: Path, history: Sequence[TrainRow]) -> Any:
    done = history[-1].step if history else 0
    return require_tensorboard()(str(folder), purge_step=done + 1)
