"""Show a run while another process makes it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .printing import emit, rendered

Describe = Callable[[Path], Any]


def watch(run: Path, describe: Describe, as_json: bool) -> None:
    """Show how far a run is, and its front, until it is complete or Ctrl-C is pressed.

    On a terminal the picture is replaced; elsewhere, and as JSON, one follows another.

    Args:
        run: Its folder.
        describe: Gives the front's fields.
        as_json: Whether ``--json`` was given.

    Raises:
        RunError: The folder holds no run.
    """
    from search import describe_progress, watch_run

    if as_json or not sys.stdout.isatty():
        for result in watch_run(run):
            emit({"progress": describe_progress(result), "front": describe(run)}, as_json)
        return
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False) as live:
        for result in watch_run(run):
            fields = {"progress": describe_progress(result), "front": describe(run)}
            live.update(Text(rendered(fields)), refresh=True)
