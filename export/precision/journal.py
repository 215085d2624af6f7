"""The log of a search: an interrupted one goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from searchspaces import write_atomically

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
                self._begin([_line(self._header)])
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
        line = _line({"kept": _key(kept), **asdict(loss)})
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Delete the file: the search has ended."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> bool:
        """Read the file; return whether it is of the subject. A torn last line is dropped."""
        if not self.path.exists():
            return False
        head, *lines = self.path.read_text("utf-8", "replace").split("\n")
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
            try:
                kept, loss = _entry(line)
            except (KeyError, TypeError, ValueError):
                message = f"{self.path} is damaged; delete it to begin anew"
                raise PrecisionError(message) from None
            self._known[kept] = loss
        if torn and torn[0]:
            self._begin([head, *whole])
        return True

    def _begin(self, lines: Sequence[str]) -> None:
        """Write the file anew: these lines, or it stays as it is."""
        write_atomically(self.path, "".join(f"{line}\n" for line in lines).encode())


def _key(kept: Collection[str]) -> str:
    return sha256_of("\n".join(sorted(kept)).encode())


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, sort_keys=True)


def _entry(line: str) -> tuple[str, Loss]:
    """Return the key of what was kept, and the loss, that a line holds."""
    fields = dict(json.loads(line))
    return str(fields.pop("kept")), Loss(**fields)


def _parse(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
