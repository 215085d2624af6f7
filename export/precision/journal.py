"""The log of a search: an interrupted one goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import PrecisionError
from ..files import sha256_of
from .meter import Loss

SCHEMA = "detfit-precision-search"
VERSION = 2


class Journal:
    """Remember losses by what was kept, in a file of JSON lines, flushed after each.

    Args:
        path: The file; made if it is missing.
        subject: What every loss depends on: model, precision, engine, images, limit. A log of
            another subject is begun anew.

    Raises:
        PrecisionError: The file is something else, or cannot be written.
    """

    def __init__(self, path: Path, subject: str) -> None:
        self.path = path
        self._known: dict[str, Loss] = {}
        self._header = {"schema": SCHEMA, "version": VERSION, "subject": subject}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not self._read():
                self._write([self._header], "w")
        except OSError as error:
            raise PrecisionError(f"cannot keep the log {path}: {error.strerror}") from error

    def get(self, kept: Collection[str]) -> Loss | None:
        """Return the loss with a set kept, if it was measured."""
        return self._known.get(_key(kept))

    def put(self, kept: Collection[str], loss: Loss) -> None:
        """Remember a loss.

        Raises:
            OSError: The file cannot be written any more.
        """
        self._known[_key(kept)] = loss
        self._write([{"kept": _key(kept), **asdict(loss)}], "a")

    def remove(self) -> None:
        """Delete the file: the search has ended."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> bool:
        """Read the file; return whether it is of the subject. A torn last line is dropped."""
        if not self.path.exists():
            return False
        head, *lines = self.path.read_text(encoding="utf-8").split("\n")
        found = _parse(head)
        if found is None or found.get("schema") != SCHEMA:
            raise PrecisionError(
                f"{self.path} is no log of a search for nodes; it is left as it is: move it away, "
                "or name another bundle"
            )
        if found != self._header:
            return False
        whole, torn = lines[:-1], lines[-1:]
        for line in whole:
            entry = _parse(line)
            if entry is None:
                raise PrecisionError(f"{self.path} is damaged; delete it to begin anew")
            kept = entry.pop("kept")
            self._known[kept] = Loss(**entry)
        if torn and torn[0]:
            self._write([_parse(head), *map(_parse, whole)], "w")
        return True

    def _write(self, entries: list[object], mode: str) -> None:
        with self.path.open(mode, encoding="utf-8") as file:
            file.writelines(json.dumps(entry, sort_keys=True) + "\n" for entry in entries)
            file.flush()
            os.fsync(file.fileno())


def _key(kept: Collection[str]) -> str:
    return sha256_of("\n".join(sorted(kept)).encode())


def _parse(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
