"""Check the fields of the room's values: one wording for every mistake."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from .errors import MeasurementError


def read_fields(
    kind: type, data: object, added: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a copy of ``data`` after checking that it has exactly the fields of ``kind``.

    Args:
        kind: The dataclass.
        data: What was read.
        added: Fields that older files lack, with what they mean then.

    Raises:
        MeasurementError: ``data`` is not a mapping, or its keys are not the fields.
    """
    if not isinstance(data, Mapping):
        raise MeasurementError(f"{kind.__name__} must be a JSON object, got {type(data).__name__}")
    data = {**(added or {}), **data}
    known = {field.name for field in fields(kind)}
    missing, unknown = sorted(known - data.keys()), sorted(map(str, data.keys() - known))
    if missing:
        raise MeasurementError(f"{kind.__name__} lacks the field {', '.join(missing)}")
    if unknown:
        raise MeasurementError(
            f"{kind.__name__} has no field {', '.join(unknown)}; "
            f"known are {', '.join(sorted(known))}"
        )
    return dict(data)


def check_int(owner: str, name: str, value: object, least: int) -> None:
    """Raise :class:`MeasurementError` unless ``value`` is an int of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise MeasurementError(f"{owner}.{name} must be an int >= {least}, got {value!r}")


def check_number(owner: str, name: str, value: object, *, zero: bool = False) -> None:
    """Raise :class:`MeasurementError` unless ``value`` is a finite number > 0 (or >= 0)."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or value < 0
        or (value == 0 and not zero)
    ):
        allowed = "a finite number >= 0" if zero else "a finite number > 0"
        raise MeasurementError(f"{owner}.{name} must be {allowed}, got {value!r}")


def check_text(owner: str, name: str, value: object) -> None:
    """Raise :class:`MeasurementError` unless ``value`` is a non-empty string."""
    if not isinstance(value, str) or not value:
        raise MeasurementError(f"{owner}.{name} must be a non-empty string, got {value!r}")


def check_bool(owner: str, name: str, value: object) -> None:
    """Raise :class:`MeasurementError` unless ``value`` is a bool."""
    if not isinstance(value, bool):
        raise MeasurementError(f"{owner}.{name} must be true or false, got {value!r}")
