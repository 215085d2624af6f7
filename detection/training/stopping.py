"""Being told to stop: the step is finished and saved before the signal has its way."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Notice SIGTERM and Ctrl-C instead of ending at once; a second one ends at once.

    Outside of the main thread, where Python has no signals, nothing is noticed.

    Attributes:
        received: The signal, or ``None``.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:  # as below nohup
                    self._previous[number] = signal.signal(number, self._notice)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def obey(self) -> None:
        """Let the signal do what it would have done: SIGTERM where another process got it."""
        self._restore()
        signal.raise_signal(signal.SIGTERM if self.received is None else self.received)

    def _notice(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._previous = {}
