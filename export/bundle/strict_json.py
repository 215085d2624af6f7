"""Read JSON that decides what runs: one meaning only, of bounded size, or refused."""

from __future__ import annotations

import json
import math
from typing import Any

from ..errors import BundleError

MAX_JSON_BYTES = 64 << 20
"""Largest description that is read; the largest real one, with every sample of a measurement,
has a few hundred kilobytes."""

MAX_DIGITS = 20
"""Of a whole number: as many as the largest of 64 bits has."""


def strict_json(content: bytes, name: str) -> Any:
    """Return the value that a JSON document holds, where every reader would read the same.

    Python's own reader takes the last of two equal keys, ``NaN``, numbers beyond any range,
    halves of surrogate pairs and other encodings; here these are refused.

    Args:
        content: The document.
        name: What it is called in messages.

    Raises:
        BundleError: It is no such document.
    """
    if len(content) > MAX_JSON_BYTES:
        raise BundleError(f"{name} has {len(content)} bytes, more than {MAX_JSON_BYTES}")
    try:
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_whole_number,
            parse_float=_finite_number,
            parse_constant=_finite_number,
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # fails on half a surrogate pair
    except RecursionError as error:
        raise BundleError(f"{name} is not JSON of ours: it is nested too deeply") from error
    except ValueError as error:
        raise BundleError(f"{name} is not JSON: {error}") from error
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ValueError(f"the key {key[:80]!r} stands twice in one object")
        values[key] = value
    return values


def _whole_number(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a whole number has {len(text)} digits, more than {MAX_DIGITS}")
    return int(text)


def _finite_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:80]} is no finite number")
    return value
