"""Exit codes: 0 done, 1 a check failed, 2 misuse, and those of a shell for what was cut off."""

from __future__ import annotations

import typer

EXIT_FAILED, EXIT_MISUSE, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 1, 2, 130, 141


def exit_unless(passed: bool) -> None:
    """End the command with the exit code of a failed check, unless it passed.

    Raises:
        typer.Exit: With ``EXIT_FAILED``.
    """
    if not passed:
        raise typer.Exit(EXIT_FAILED)
