"""JSON files: written so that equal values give equal bytes, read so that errors say where."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeGuard

from ..errors import DatasetError

HALF_A_CHARACTER = re.compile(r"[\ud800-\udfff]")
LONGEST_NAME = 240  # bytes: file systems end at 255, and an ending may be added


def json_bytes(value: Any) -> bytes:
    """Return a value as compact JSON with sorted keys, so that equal values give equal bytes."""
    return (json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n").encode()


def read_json(path: Path, kind: str) -> Any:
    """Return what a JSON file holds.

    Args:
        path: The file.
        kind: What it should be, for the message: ``COCO JSON``.

    Raises:
        DatasetError: The file is missing, cannot be read or is no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such annotation file") from None
    except RecursionError:
        raise DatasetError(f"{path}: not {kind} (nested too deeply)") from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: not {kind} ({error})") from error


def is_number(value: Any, largest: float) -> bool:
    """Return whether a JSON value is a number of at most that magnitude; NaN is not."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return plain and abs(value) <= largest


def is_text(value: object) -> TypeGuard[str]:
    """Return whether a JSON value is a text with something in it that can be printed as UTF-8."""
    if not isinstance(value, str) or not value.strip():
        return False
    return HALF_A_CHARACTER.search(value) is None


def is_file_name(name: str) -> bool:
    """Return whether a text can name a file: without folders, none of the way out of one."""
    if name in ("", ".", "..") or len(name.encode()) > LONGEST_NAME:
        return False
    return not set(name) & {"/", "\\", "\0"}


def shortened(value: object, limit: int = 60) -> str:
    """Return a value as it is written in Python, cut to a length."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def folder_listing(folder: Path, limit: int = 8) -> str:
    """Return the first names in a folder and in its ``annotations``, for a message."""
    names = sorted(
        str(path.relative_to(folder))
        for path in (*folder.iterdir(), *(folder / "annotations").glob("*"))
    )
    if not names:
        return "an empty folder"
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if names[limit:] else "")
