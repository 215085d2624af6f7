"""Errors of the latency room.

LatencyError
├── TableError                a latency table file that cannot be read (names the line)
│   ├── TableMismatchError    two tables, or a table and this machine, that must not be mixed
│   └── NothingToExportError  a table that holds nothing of what a foreign format can
├── PredictorError            a predictor file or a fit that cannot be had
├── ProfileError              a profile that cannot start
│   ├── NotQuietError         other programs take what measurements need
│   └── RecordingError        recorded inputs that cannot be made, read or used
└── UnprofiledModuleError     a module that no measurement covers (also a KeyError)
"""

from __future__ import annotations

from collections.abc import Sequence


class LatencyError(ValueError):
    """Base of every error that the room raises on bad input."""


class TableError(LatencyError):
    """A latency table cannot be read."""


class TableMismatchError(TableError):
    """Two sources of measurements differ in device, engine or protocol.

    Attributes:
        fields: Names of the fields that differ.
    """

    def __init__(self, message: str, fields: Sequence[str]) -> None:
        super().__init__(message)
        self.fields = tuple(fields)


class NothingToExportError(TableError):
    """A table holds nothing of what a foreign format can."""


class PredictorError(LatencyError):
    """A predictor cannot be fitted or read."""


class ProfileError(LatencyError):
    """A profile cannot start or go on."""


class NotQuietError(ProfileError):
    """Other programs take what measurements need; once they are gone, the profile can start."""


class RecordingError(ProfileError):
    """Recorded inputs cannot be made, read or used for a profile."""


class UnprofiledModuleError(LatencyError, KeyError):
    """Modules were asked for that were never measured.

    Attributes:
        keys: Keys of the missing modules.
    """

    def __init__(self, keys: Sequence[str], where: str) -> None:
        self.keys = tuple(keys)
        more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
        self._message = (
            f"{where} holds no measurement of {keys[0]}{more}; profile the same space, head, "
            "input size, classes, precision and batch, or finish the profile with --resume"
        )
        super().__init__(self._message)

    def __str__(self) -> str:
        return self._message
