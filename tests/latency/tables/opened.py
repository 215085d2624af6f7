"""A closed table file as it was before it was closed, for tests that damage it."""

from __future__ import annotations

import json

from latency.tables.row_text import encode_json


def opened(data: bytes) -> bytes:
    """Return the file with a line 1 that holds no hash."""
    first, rest = data.split(b"\n", 1)
    fields = fields_of(first)
    del fields["rows"]
    return encode_json(fields | {"sha256": None}) + rest


def fields_of(line: bytes) -> dict:
    """Return what a line says, without its checksum."""
    fields = json.loads(line)
    fields.pop("crc", None)
    return fields
