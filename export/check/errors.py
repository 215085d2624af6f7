"""Errors of the static check.

ExportError
└── CheckError              a model that cannot be read, an unknown release, a precision not known
"""

from __future__ import annotations

from ..errors import ExportError


class CheckError(ExportError):
    """Nothing can be checked: no readable ONNX model, or no release that rules are known for."""
