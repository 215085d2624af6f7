"""Inputs that come from images, for workloads whose time depends on what they are given.

recording.py       run detectors on images, give workloads what they make of them
sources.py         where in a detector a workload's inputs occur
origin.py          where a recording comes from
recording_file.py  a recording on disk, beside its table
"""

from __future__ import annotations

from .origin import SETS, Origin
from .recording import Recording, record
from .recording_file import (
    open_recording,
    read_recording,
    recording_path,
    write_recording,
)

__all__ = [
    "SETS",
    "Origin",
    "Recording",
    "open_recording",
    "read_recording",
    "record",
    "recording_path",
    "write_recording",
]
