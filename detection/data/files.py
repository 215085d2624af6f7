"""JSON whose bytes depend on the value alone."""

from __future__ import annotations

import json
from typing import Any


def json_bytes(value: Any) -> bytes:
    """Return a value as compact JSON with sorted keys, so that equal values give equal bytes."""
    return (json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n").encode()
