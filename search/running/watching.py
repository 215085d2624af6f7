"""Look at a run while another process makes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from ..errors import JournalError
from .result import SearchResult, load_result
from .standing import run_progress

EVERY_S = 2.0
PATIENCE = 5  # looks at a journal that is just being opened or closed, before that is an error


def watch_run(
    folder: Path | str, every_s: float = EVERY_S, sleep: Callable[[float], None] = time.sleep
) -> Iterator[SearchResult]:
    """Yield a run as it is, and again whenever something was added, until it is complete.

    Args:
        folder: Of the run.
        every_s: Seconds between two looks.
        sleep: Waits so many seconds.

    Raises:
        RunError: The folder holds no run.
        JournalError: Its files are damaged or of an unknown version.
    """
    seen: tuple[str, ...] | None = None
    while True:  # ends with the run; whoever watches may stop before
        result = _looked(folder, sleep)
        statuses = tuple(evaluation.status for evaluation in result.history)
        if statuses != seen or result.complete:
            seen = statuses
            yield result
        if result.complete:
            return
        sleep(every_s)


def describe_progress(result: SearchResult) -> dict[str, Any]:
    """Return how far a run is as JSON-able fields, with the time in words beside seconds."""
    progress = run_progress(result)
    left = progress.left_s
    return {
        "run": str(result.folder),
        **asdict(progress),
        "left": None if left is None else str(timedelta(seconds=round(left))),
    }


def _looked(folder: Path | str, sleep: Callable[[float], None]) -> SearchResult:
    for _ in range(PATIENCE - 1):
        try:
            return load_result(folder)
        except JournalError:
            sleep(0.1)  # the writer may be making its tables; damage is met again below
    return load_result(folder)
