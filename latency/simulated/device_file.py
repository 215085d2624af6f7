"""Specification files of simulated devices: one JSON file each, validated by pydantic."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import PredictorError
from .device import SCHEMA, SimulatedDevice

FOLDER = Path(__file__).parent / "devices"
PREFIX = "simulated:"


def is_simulated(name: str) -> bool:
    """Return whether a predictor's name asks for a simulated device: ``simulated:V100``."""
    return name.startswith(PREFIX)


def simulated_devices() -> list[str]:
    """Return the names of the devices that ship with detfit."""
    return sorted({device.name for device in _shipped().values()})


def get_simulated_device(name: str) -> SimulatedDevice:
    """Return a shipped device by its name or an alias, in any case, or that of a ``.json`` file.

    Raises:
        PredictorError: There is none; lists the known.

    Example:
        >>> get_simulated_device("v100-sxm2-32gb").name
        'V100'
    """
    if name.endswith(".json"):
        return read_simulated_device(name)
    try:
        return _shipped()[name.lower()]
    except KeyError:
        raise PredictorError(
            f"unknown simulated device {name!r}; known: {', '.join(simulated_devices())}; "
            "or give a specification file that ends in .json"
        ) from None


def read_simulated_device(path: Path | str) -> SimulatedDevice:
    """Read a specification file, a shipped one or the user's own.

    Raises:
        PredictorError: The file is missing, no JSON, of another schema, or a field is missing,
            unknown or wrong.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise PredictorError(f"{path} is no specification of a device: {error}") from error
    return parse_simulated_device(text, str(path))


def specification_of(device: SimulatedDevice) -> str:
    """Return what :func:`parse_simulated_device` reads; empty for a device that ships as it is."""
    if _shipped().get(device.name.lower()) == device:
        return ""
    return json.dumps({"schema": SCHEMA, **asdict(device)}, sort_keys=True)


def parse_simulated_device(text: str, path: str) -> SimulatedDevice:
    """Read the text of a specification file.

    Args:
        text: Of the file.
        path: What messages call it.

    Raises:
        PredictorError: As for :func:`read_simulated_device`.
    """
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PredictorError(f"{path} is no specification of a device: {error}") from error
    schema = fields.pop("schema", None) if isinstance(fields, dict) else None
    if schema != SCHEMA:
        raise PredictorError(f"{path}: schema {schema!r} is not {SCHEMA!r}, the one known here")
    return _validated(path, fields)


def _validated(path: str, fields: dict[str, Any]) -> SimulatedDevice:
    from pydantic import TypeAdapter, ValidationError

    try:
        # Through JSON: strict mode then still makes tuples of lists.
        return TypeAdapter(SimulatedDevice).validate_json(json.dumps(fields))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the device"
        raise PredictorError(f"{path}: {where}: {first['msg']}") from error


@cache
def _shipped() -> dict[str, SimulatedDevice]:
    devices = map(read_simulated_device, sorted(FOLDER.glob("*.json")))
    return {name.lower(): each for each in devices for name in (each.name, *each.aliases)}
