"""Wait for a quiet machine: what is measured beside other programs would be refused.

A benchmark does its measuring in pieces that can be resumed, each by :meth:`Patience.run`: it
begins once the machine is quiet, and begins again where it was refused in between. Meanwhile a
line a minute says why nothing happens; after ``--patience`` minutes the benchmark ends, and goes
on where it was when it is run again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeVar

import typer

from engines import get_backend, overload_reason
from latency import NotQuietError

Minutes = Annotated[
    float,
    typer.Option("--patience", min=0.0, help="Minutes to wait for a quiet machine, each time."),
]
USUAL_MINUTES = 30.0
LOOK_EVERY_S, TELL_EVERY_S = 15.0, 60.0

Done = TypeVar("Done")


class Patience:
    """Do pieces of work on a quiet machine.

    Args:
        busy: Says what keeps the machine busy now; ``None`` if nothing does.
        minutes: To wait at most before each piece.
        clock: Seconds since any moment.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        busy: Callable[[], str | None],
        minutes: float = USUAL_MINUTES,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._busy, self._seconds = busy, 60.0 * minutes
        self._clock, self._sleep = clock, sleep

    def run(self, work: Callable[[], Done]) -> Done:
        """Do a piece of work; begin it again, once the machine is quiet, where it was refused.

        Raises:
            SystemExit: The machine was not quiet for so long.
        """
        begun, told = self._clock(), -TELL_EVERY_S
        while True:  # ends: every turn does the work, or waits, which is limited
            reason = self._busy()
            if reason is None:
                try:
                    return work()
                except NotQuietError as error:
                    reason = str(error)
            waited = self._clock() - begun
            if waited >= self._seconds:
                raise SystemExit(
                    f"the machine was not quiet for {waited / 60:.0f} minutes: {reason}; run this "
                    "again to go on, or give it more --patience"
                )
            if waited - told >= TELL_EVERY_S:
                told = waited
                limit = self._seconds / 60
                print(f"waiting, {waited / 60:.0f} of {limit:g} minutes: {reason}", flush=True)
            self._sleep(min(LOOK_EVERY_S, self._seconds - waited))


def patience_for(
    engine: str, minutes: float, threads: int = 1, *, exploratory: bool = False
) -> Patience:
    """Return the patience of a benchmark on this CPU; an exploratory one does not wait."""
    if exploratory:
        return Patience(lambda: None, 0.0)
    device = get_backend(engine).probe("cpu")
    return Patience(partial(overload_reason, device, threads), minutes)
