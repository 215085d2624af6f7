"""Errors of lower precisions.

ExportError (of the room)
└── PrecisionError    a precision that cannot be had like this, or whose loss cannot be repaired
"""

from __future__ import annotations

from ..errors import ExportError


class PrecisionError(ExportError):
    """A precision cannot be had with this engine, these images or these options."""
