"""Files of the room: written at once, and never over another one by accident."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from searchspaces import write_atomically

from .errors import LatencyError


def replace_file(path: Path, lines: Sequence[bytes]) -> None:
    """Write a file at once: all of it or, whatever happens, none of it.

    Raises:
        LatencyError: The path names a device, a pipe or a folder, which must not be replaced.
    """
    if path.exists() and not path.is_file():
        raise LatencyError(f"{path} is no regular file; write to another one by -o")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, b"".join(lines))


def refuse_existing(output: Path) -> None:
    """Refuse to write over what exists.

    Raises:
        LatencyError: The output exists.
    """
    if output.exists():
        raise LatencyError(f"{output} exists; write to another file by -o")
