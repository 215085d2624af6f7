"""Bad input: which errors it causes, and the one line that says what was wrong."""

from __future__ import annotations

import typer

from .exits import EXIT_MISUSE
from .printing import say

MESSAGE_CHARS = 1000  # of an error; longer ones echo some value whole

UsageError = typer.BadParameter.__bases__[0]  # click's own, which newer releases of typer vendor


def user_errors() -> tuple[type[Exception], ...]:
    """Return the errors that bad input causes; any other one is a bug and keeps its traceback."""
    from detection import DetectionError
    from engines import EngineError
    from export import ExportError
    from latency import LatencyError
    from search import SearchError
    from searchspaces import SearchSpaceError

    return (
        UsageError,
        OSError,
        DetectionError,
        EngineError,
        ExportError,
        LatencyError,
        SearchError,
        SearchSpaceError,
    )


def refuse(error: Exception) -> int:
    """Say in one line what was wrong, or show the help where no command was given.

    Args:
        error: One of :func:`user_errors`.

    Returns:
        ``EXIT_MISUSE``.
    """
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    if isinstance(error, UsageError):
        text = error.format_message()  # type: ignore[attr-defined]
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(text)
            return EXIT_MISUSE
    context = getattr(error, "ctx", None)  # of click: the command that was misused
    if context is not None:
        text = f"{text.rstrip('.')}; see `{context.command_path} --help`"
    line = " ".join(text.split())
    if len(line) > MESSAGE_CHARS:
        line = f"{line[: MESSAGE_CHARS // 2]} ... {line[-MESSAGE_CHARS // 2 :]}"
    say(f"error: {line}")
    return EXIT_MISUSE
