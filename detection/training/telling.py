"""Say what follows from what a training was asked for, once it is under way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .validation import Progress

Tell = Callable[[str], None]


def telling(
    changes: Sequence[str], tell: Tell | None, progress: Progress | None
) -> Progress | None:
    """Return a progress that tells some sentences first, when nothing can be refused any more.

    Args:
        changes: The sentences.
        tell: Hears them, each once; nobody if left out.
        progress: Is called after them.
    """
    if tell is None or not changes:
        return progress
    left = list(changes)

    def heard(message: str, done: float, total: float) -> None:
        while left:
            tell(left.pop(0))
        if progress is not None:
            progress(message, done, total)

    return heard
