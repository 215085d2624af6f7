"""Hash files, and write them so that a reader sees the whole file or none."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import searchspaces

from .errors import ExportError


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of bytes as 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def json_bytes(value: Any) -> bytes:
    """Return a value as indented JSON for people and machines; equal values give equal bytes.

    The name of a file that is no UTF-8 is escaped, so that whoever reads it has the name again.
    """
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8", "backslashreplace")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file, all of it or none.

    Raises:
        ExportError: The folder is missing or not writable; nothing is left behind.
    """
    try:
        searchspaces.write_atomically(path, content)
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror or error}") from error


def check_writable(path: Path) -> None:
    """Refuse before the work what could not be written after it; missing folders can be made.

    Args:
        path: A file or a folder that is to be made or replaced.

    Raises:
        ExportError: A file stands where a folder is needed, or nothing may be written there.
    """
    folder = path.absolute().parent
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise ExportError(f"cannot write {path}: {folder} is not a folder; name another one")
    effective = os.access in os.supports_effective_ids
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=effective):
        raise ExportError(
            f"cannot write {path}: no permission to write into {folder}; name another one"
        )
