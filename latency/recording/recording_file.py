"""A recording on disk: one .npz of images with a header, written all or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from searchspaces import Graph, sha256_of_file, write_atomically

from ..errors import RecordingError
from .origin import SETS, Origin
from .recording import Recording, record

SCHEMA = "detfit.recording/1"
_HEADER = "header"
_IMAGES = "images_"  # and height x width


def recording_path(table: Path | str) -> Path:
    """Return where the recording of a table stands: beside it."""
    return Path(table).with_suffix(".inputs.npz")


def write_recording(recording: Recording, path: Path | str) -> str:
    """Write a recording's images and origin; return the file's SHA-256.

    Equal recordings give equal bytes.

    Raises:
        OSError: The file cannot be written.
    """
    content = _content(recording)
    write_atomically(Path(path), content)
    return hashlib.sha256(content).hexdigest()


def _content(recording: Recording) -> bytes:
    header = {"schema": SCHEMA, **asdict(recording.origin)}
    arrays: dict[str, npt.NDArray[Any]] = {
        _HEADER: np.frombuffer(json.dumps(header, sort_keys=True).encode(), np.uint8)
    }
    arrays |= {f"{_IMAGES}{h}x{w}": images for (h, w), images in recording.images.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # without the time: equal bytes
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    return buffer.getvalue()


def read_recording(
    path: Path | str,
    detectors: Sequence[Graph],
    *,
    weights: Path | str | None = None,
    sha256: str | None = None,
) -> Recording:
    """Read what :func:`write_recording` wrote.

    Args:
        path: The file.
        detectors: As for :func:`record`.
        weights: The trained weights it was recorded with, if any.
        sha256: What the file's hash must be, as a table's manifest says.

    Raises:
        RecordingError: The file is missing, damaged, of another schema or hash, was recorded with
            other weights, or does not fit the detectors.
    """
    path = Path(path)
    if sha256 is not None and path.is_file() and sha256_of_file(path) != sha256:
        raise RecordingError(f"{path}: is not what the table was measured on; its hash differs")
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        fields = json.loads(arrays.pop(_HEADER).tobytes())
        schema = fields.pop("schema")
        origin = Origin(**fields) if schema == SCHEMA else None
        images = {_size(name): array for name, array in arrays.items()}
    except RecordingError:
        raise
    except FileNotFoundError:
        raise RecordingError(f"{path}: no such recording; start the profile anew") from None
    except Exception as error:  # NumPy and zipfile raise nearly anything on damaged files
        raise RecordingError(f"{path}: no recording, or a damaged one ({error})") from error
    if origin is None:
        raise RecordingError(f"{path}: schema {schema!r} is unknown; {SCHEMA!r} is read here")
    found = None if weights is None else sha256_of_file(Path(weights))
    if found != origin.weights_sha256:
        raise RecordingError(
            f"{path}: was recorded with weights of sha256 {origin.weights_sha256}, got {found}; "
            "give the same --weights"
        )
    return Recording(origin, images, detectors, None if weights is None else Path(weights))


def open_recording(
    path: Path | str,
    detectors: Sequence[Graph],
    *,
    seed: int = 0,
    sets: int = SETS,
    folder: Path | str | None = None,
    weights: Path | str | None = None,
    sha256: str | None = None,
) -> tuple[Recording, str]:
    """Read the recording that a profile goes on with, or take a new one and write it.

    Args:
        path: See :func:`recording_path`.
        detectors: As for :func:`record`, as the other arguments.
        seed: Of weights and images.
        sets: Sets of inputs.
        folder: Of photographs.
        weights: Trained weights of a detector.
        sha256: Hash that the file must have: go on with it, or make it again where it is missing.
            ``None`` takes a new recording.

    Returns:
        The recording and its file's SHA-256.

    Raises:
        RecordingError: As for :func:`read_recording`.
    """
    path = Path(path)
    if sha256 is not None and path.exists():
        return read_recording(path, detectors, weights=weights, sha256=sha256), sha256
    made = record(detectors, seed=seed, sets=sets, folder=folder, weights=weights)
    content = _content(made)
    digest = hashlib.sha256(content).hexdigest()
    if sha256 not in (None, digest):
        raise RecordingError(
            f"{path}: is missing, and what is recorded now differs from what the table was "
            "measured on; give the same images, weights and input sets, or start anew"
        )
    write_atomically(path, content)
    return made, digest


def _size(name: str) -> tuple[int, int]:
    height, width = map(int, name.removeprefix(_IMAGES).split("x"))
    return height, width
