"""Rows of a table as lines of text: JSON with a checksum at its end.

A row reads ``{...,"crc":"8f3a01c2"}``; the checksum is the CRC-32 of everything before
``,"crc"``, so that a byte that flipped is found in its own line. A module that was timed alone is
written as its key; other workloads with their whole graph. Fields that hold their default are left
out, and so are protocol and device, which stand in line 1 once: of the protocol a row has only its
cache mode, where that is not what its role implies.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from dataclasses import MISSING, fields as fields_of, replace
from functools import lru_cache
from typing import Any

from engines import CHAINED, WARM, Measurement, TimingProtocol
from searchspaces import Graph, ModuleSpec, SearchSpaceError, chain

from ..errors import TableError
from ..workloads.workload import MODULE, Workload
from .manifest import Manifest, whole_number
from .row import Row

_SEAL = b',"crc":"%08x"}\n'
_SEAL_BYTES = len(_SEAL % 0)
_NAMES = re.compile(rb'"(\w+)":')
_NODE = "m0"  # of a graph that `chain` makes
_DEFAULTS = {f.name: f.default for f in fields_of(Measurement) if f.default is not MISSING}
_SHARED = ("protocol", "device")
_VISIT_FIELDS = (
    *("attempt", "refused", "exploratory"),
    *("sentinel_ms", "sentinel_drift", "delivered", "warnings"),
)
_VISIT = {f.name: f.default for f in fields_of(Row) if f.name in _VISIT_FIELDS}
_ROW_FIELDS = frozenset({"replicate", "measurement", "error"})
_TARGETS = frozenset({"module", "workload"})


def module_workload(spec: ModuleSpec) -> Workload:
    """Return a module timed alone, labelled by its key."""
    return Workload(MODULE, spec.key, chain([spec]))


def encode_line(fields: dict[str, Any]) -> bytes:
    """Return a line with its checksum."""
    body = encode_json(fields)[:-2]
    return body + _SEAL % zlib.crc32(body)


def encode_json(fields: dict[str, Any]) -> bytes:
    """Return a line of JSON without a checksum."""
    return json.dumps(fields, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def decode_json(line: bytes) -> dict[str, Any]:
    """Return the JSON object of a line.

    Raises:
        TableError: The line is none.
    """
    try:
        fields = json.loads(line)
    except json.JSONDecodeError as error:
        where = field_before(line, error.pos)
        raise TableError(f"this is no JSON: {error.msg}{where}") from error
    except UnicodeDecodeError as error:
        where = field_before(line, error.start)
        raise TableError(f"this is no JSON: {error.reason}{where}") from error
    except RecursionError:
        raise TableError("this is no table: it is nested too deeply") from None
    if not isinstance(fields, dict):
        raise TableError(f"this is no JSON object but a {type(fields).__name__}")
    return fields


def field_before(line: bytes, place: int) -> str:
    """Say which field of a line stands before a byte, for the end of a sentence."""
    names = _NAMES.findall(line[:place])
    field = f"in or after the field {names[-1].decode()}" if names else "in the first field"
    return f" {field}, column {place + 1}"


def encode_row(row: Row) -> bytes:
    """Return a row as a line."""
    return encode_line(
        {
            **_target(row.workload),
            "replicate": row.replicate,
            "measurement": None if row.measurement is None else _values(row),
            "error": row.error,
            **_visit(row),
        }
    )


def decode_row(line: bytes, manifest: Manifest, *, sealed: bool = True) -> Row:
    """Read back what :func:`encode_row` gave.

    Args:
        line: With its newline.
        manifest: Line 1, which has what all rows share.
        sealed: Whether a checksum has to be there; tables of schema 1 have none.

    Raises:
        TableError: The line is damaged, or a field is missing, unknown or wrong.
        MeasurementError: A field of the measurement is; names it.
    """
    fields = decode_json(line)
    stored = fields.pop("crc", None)
    row = _row(fields, manifest)
    if sealed:  # last, since a field that is wrong in itself says more
        check_seal(line, stored)
    return row


def _row(fields: dict[str, Any], manifest: Manifest) -> Row:
    _check_names(fields)
    workload = _workload(fields)
    replicate = whole_number("replicate", fields["replicate"], 0)
    values, reason = fields["measurement"], fields["error"]
    if isinstance(reason, str) == (values is not None) or not isinstance(reason, str | None):
        raise TableError("a row holds either a measurement or the text of an error")
    measured = None if values is None else _measurement(values, manifest, workload.role)
    return Row(workload, replicate, measured, reason, **_visit_of(fields))


def _visit(row: Row) -> dict[str, Any]:
    """Return what a row says of its visit, without what is as by default."""
    values = {name: getattr(row, name) for name in _VISIT}
    return {name: value for name, value in values.items() if value != _VISIT[name]}


def _visit_of(fields: dict[str, Any]) -> dict[str, Any]:
    """Check and return what a row says of its visit."""
    values = {**_VISIT, **{name: fields[name] for name in _VISIT if name in fields}}
    whole_number("attempt", values["attempt"], 0)
    refused = values["refused"]
    if refused is not None and (not isinstance(refused, str) or fields["measurement"] is None):
        raise TableError(f"refused must be a text beside a measurement, got {refused!r}")
    for name in ("exploratory", "delivered"):
        if not isinstance(values[name], bool):
            raise TableError(f"{name} must be true or false, got {values[name]!r}")
    for name, least in (("sentinel_ms", 0.0), ("sentinel_drift", -1.0)):
        value = values[name]
        if value is not None and not (_is_number(value) and least < value < math.inf):
            raise TableError(f"{name} must be a finite number > {least:g}, got {value!r}")
    values["warnings"] = _texts("warnings", values["warnings"])
    return values


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
        raise TableError(f"{name} must be a list of texts, got {value!r}")
    return tuple(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_seal(line: bytes, stored: object) -> None:
    """Check the checksum of a line.

    Args:
        line: With its newline.
        stored: The checksum that it holds; ``None`` if it holds none.

    Raises:
        TableError: There is none, or it is another one.
    """
    if stored is None:
        raise TableError("the field crc is missing")
    if line[-_SEAL_BYTES:] != _SEAL % zlib.crc32(line[:-_SEAL_BYTES]):
        raise TableError(
            f"the field crc is {stored!r}, which is not the checksum of this line: it was changed "
            "after it was written; take the original, or profile anew"
        )


def _check_names(fields: dict[str, Any]) -> None:
    missing = sorted(_ROW_FIELDS - fields.keys())
    targets = sorted(_TARGETS & fields.keys())
    if not targets:
        missing.append("module or workload")
    if missing:
        raise TableError(f"the row lacks {', '.join(missing)}")
    unknown = sorted(fields.keys() - _ROW_FIELDS - _TARGETS - _VISIT.keys())
    if unknown or len(targets) > 1:
        raise TableError(
            f"the row has no field {', '.join(unknown)}" if unknown else "the row names two things"
        )


def _target(workload: Workload) -> dict[str, Any]:
    if workload.role == MODULE and _is_plain(workload.graph):
        key = workload.graph.nodes[0].spec.key
        return {"module": key if workload.label == key else [key, workload.label]}
    return {"workload": workload.to_dict()}


def _is_plain(graph: Graph) -> bool:
    """Return whether a graph is what :func:`chain` makes of its only module."""
    return [node.name for node in graph.nodes] == [_NODE] and graph == chain([graph.nodes[0].spec])


def _workload(fields: dict[str, Any]) -> Workload:
    name = "workload" if "workload" in fields else "module"
    try:
        return Workload.from_dict(fields[name]) if name == "workload" else _module(fields[name])
    except SearchSpaceError as error:
        raise TableError(f"{name}: {error}") from error


def _module(target: Any) -> Workload:
    if isinstance(target, str):
        return module_workload(ModuleSpec.parse(target))
    if isinstance(target, list) and len(target) == 2 and all(isinstance(t, str) for t in target):
        return Workload(MODULE, target[1], chain([ModuleSpec.parse(target[0])]))
    raise TableError(f"module must be a key, or a key and a label, got {target!r}")


def _values(row: Row) -> dict[str, Any]:
    if row.measurement is None:
        raise TableError(f"{row.workload.label} has no measurement to write")
    values, cache = row.measurement.to_dict(), row.measurement.protocol.cache
    own = {
        name: value
        for name, value in values.items()
        if name not in _SHARED and not (name in _DEFAULTS and value == _DEFAULTS[name])
    }
    return own if cache == _usual_cache(row.workload.role) else {**own, "cache": cache}


def _measurement(values: Any, manifest: Manifest, role: str) -> Measurement:
    if not isinstance(values, dict):
        raise TableError(f"measurement must be a JSON object, got {values!r}")
    own = dict(values)
    cache = own.pop("cache", _usual_cache(role))
    shared = {"protocol": _with_cache(manifest.protocol, cache), "device": manifest.device}
    return Measurement.from_dict({**_DEFAULTS, **own, **shared})


def _usual_cache(role: str) -> str:
    return WARM if role == MODULE else CHAINED


@lru_cache(maxsize=64)
def _with_cache(protocol: TimingProtocol, cache: str) -> TimingProtocol:
    """Return a protocol that all rows of one cache mode share."""
    return replace(protocol, cache=cache)
