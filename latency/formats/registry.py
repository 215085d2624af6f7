"""The foreign formats by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import LatencyError
from ..tables.table import LatencyTable
from . import csv, ofa_yaml, tinynas_conv, trtexec_json
from .origin import Origin


@dataclass(frozen=True, slots=True)
class Format:
    """Tie a format's name to its two functions.

    Attributes:
        read: Makes a table of a file and of what the file does not say.
        write: Writes what the format can hold of a table; returns what it cannot, in sentences.
        engine: The runtime that files of this format are of, where that is known.
    """

    read: Callable[[Path, Origin], LatencyTable]
    write: Callable[[LatencyTable, Path], tuple[str, ...]]
    engine: str = "unknown"


FORMATS: dict[str, Format] = {
    "csv": Format(csv.read, csv.write),
    "ofa-yaml": Format(ofa_yaml.read, ofa_yaml.write),
    "tinynas-conv": Format(tinynas_conv.read, tinynas_conv.write, "tensorrt"),
    "trtexec-json": Format(trtexec_json.read, trtexec_json.write, "tensorrt"),
}


def get_format(name: str) -> Format:
    """Return a foreign format.

    Raises:
        LatencyError: There is none of that name; lists those there are.
    """
    if name not in FORMATS:
        raise LatencyError(f"unknown format {name!r}; known are {', '.join(FORMATS)}")
    return FORMATS[name]
