"""What every view must keep to."""

from __future__ import annotations

import json
from typing import Any


def plain(fields: Any) -> Any:
    """Return fields that JSON holds without loss."""
    assert json.loads(json.dumps(fields, allow_nan=False)) == fields
    return fields
