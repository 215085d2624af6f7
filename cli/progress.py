"""Progress of long work on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from .printing import say

PLAIN_EVERY_S = 10  # between two lines of progress where there is no terminal
QUIET_S = 1  # what ends or fails sooner needs no progress

Progress = Callable[[str, float, float], None]


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Show a bar with the time left on a terminal, plain lines elsewhere; on stderr only.

    Yields:
        What long work calls with a message, the steps done and all steps.
    """
    if not sys.stderr.isatty():
        yield plain_progress()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress as Bar,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task, stage = bar.add_task("", total=None), _Stage()

        def show(message: str, done: float, total: float) -> None:
            if stage.starts(done, total):  # the speed of the last stage says nothing about it
                bar.reset(task, total=total, completed=int(done), description="")
            bar.update(task, description=message[:40], completed=done, total=total)

        yield show


def plain_progress() -> Progress:
    """Return what prints a line now and then, each with the time that is left of its stage."""
    began, stage, last = time.monotonic(), _Stage(), [-math.inf]

    def show(message: str, done: float, total: float) -> None:
        now, new = time.monotonic(), stage.starts(done, total)
        waiting = now - last[0] < PLAIN_EVERY_S and done < total and not new
        if waiting or now - began < QUIET_S:
            return
        last[0] = now
        left = stage.left_s(done, total)
        ending = "" if left is None else f", {timedelta(seconds=round(left))} left"
        past = timedelta(seconds=round(now - began))
        say(f"[{past}] {done:.0f}/{total:.0f} {message}{ending}")

    return show


class _Stage:
    """Estimate the time left of one stage of work, from its own pace alone."""

    def __init__(self) -> None:
        self._total, self._first, self._done, self._began = math.nan, 0.0, 0.0, 0.0

    def starts(self, done: float, total: float) -> bool:
        """Return whether these counts belong to another stage than the last ones."""
        new = total != self._total or done < self._done
        if new:
            self._total, self._first, self._began = total, done, time.monotonic()
        self._done = done
        return new

    def left_s(self, done: float, total: float) -> float | None:
        """Return the seconds left; ``None`` before the first step and after the last."""
        if done <= self._first or done >= total:
            return None
        return (time.monotonic() - self._began) / (done - self._first) * (total - done)
