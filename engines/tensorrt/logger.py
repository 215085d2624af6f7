"""What TensorRT says: kept, so that an error can repeat it."""

from __future__ import annotations

from collections import deque
from typing import Any

_KEPT = 20


class Messages:
    """Keep the last errors and warnings.

    Attributes:
        errors: Texts of the last errors.
        warnings: Texts of the last warnings.
    """

    def __init__(self) -> None:
        self.errors: deque[str] = deque(maxlen=_KEPT)
        self.warnings: deque[str] = deque(maxlen=_KEPT)

    def told(self) -> str:
        """Return the errors on one line, for the message of an exception."""
        return "; ".join(self.errors) or "TensorRT gives no reason"

    def clear(self) -> None:
        """Forget what belongs to something else."""
        self.errors.clear()
        self.warnings.clear()


def make_logger(trt: Any, messages: Messages) -> Any:
    """Return an ``ILogger`` that writes to ``messages`` and nowhere else."""
    base: Any = trt.ILogger
    severe = (trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR)
    warning = trt.ILogger.Severity.WARNING

    class Logger(base):  # type: ignore[misc]
        def __init__(self) -> None:
            base.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            if severity in severe:
                messages.errors.append(msg)
            elif severity == warning:
                messages.warnings.append(msg)

    return Logger()
