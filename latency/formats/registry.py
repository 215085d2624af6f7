"""The foreign formats by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import LatencyError
from ..tables.table import LatencyTable
from . import csv, ofa_yaml, tinynas_conv, trtexec_json
from .origin import Origin
from .rows import modules_in


@dataclass(frozen=True, slots=True)
class Format:
    """Tie a format's name to its two functions.

    Attributes:
        read: Makes a table of a file and of what the file does not say.
        write: Writes what the format can hold of a table; returns what it cannot, in sentences.
        holds: Counts what it can hold of a table.
        about: What that is, in a sentence.
        engine: The runtime that files of this format are of, where that is known.
        by_layer: Whether a file is of the layers of one network, which an architecture then names.
        modules_only: Whether it takes single modules alone, not all that was measured.
    """

    read: Callable[[Path, Origin], LatencyTable]
    write: Callable[[LatencyTable, Path], tuple[str, ...]]
    holds: Callable[[LatencyTable], int]
    about: str
    engine: str = "unknown"
    by_layer: bool = False
    modules_only: bool = True


FORMATS: dict[str, Format] = {
    "csv": Format(
        csv.read, csv.write, csv.holds, "it holds all that was measured", modules_only=False
    ),
    "ofa-yaml": Format(ofa_yaml.read, ofa_yaml.write, modules_in, "it holds times of modules"),
    "tinynas-conv": Format(
        tinynas_conv.read,
        tinynas_conv.write,
        tinynas_conv.holds,
        "it holds single convolutions, regular or depthwise, without dilation",
        "tensorrt",
    ),
    "trtexec-json": Format(
        trtexec_json.read,
        trtexec_json.write,
        modules_in,
        "it holds times of modules",
        "tensorrt",
        by_layer=True,
    ),
}


def get_format(name: str) -> Format:
    """Return a foreign format.

    Raises:
        LatencyError: There is none of that name; lists those there are.
    """
    if name not in FORMATS:
        raise LatencyError(f"unknown format {name!r}; known are {', '.join(FORMATS)}")
    return FORMATS[name]
