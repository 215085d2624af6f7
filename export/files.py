"""Hash files, and write them so that a reader sees the whole file or none."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import searchspaces

from .errors import ExportError


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of bytes as 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def json_bytes(value: Any) -> bytes:
    """Return a value as indented JSON for people and machines; equal values give equal bytes."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file, all of it or none.

    Raises:
        ExportError: The folder is missing or not writable; nothing is left behind.
    """
    try:
        searchspaces.write_atomically(path, content)
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror or error}") from error
