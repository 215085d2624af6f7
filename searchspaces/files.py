"""Write files so that a reader, or a machine after a power cut, sees all of one or none of it."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from pathlib import Path

_CHUNK_BYTES = 1 << 20


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file through a temporary one in the same folder and ``os.replace``.

    Args:
        path: The file; its folder exists.
        content: All of it.
        durable: Whether to wait until the disk has it; off for many files that can be made again.

    Raises:
        OSError: The folder is missing or not writable, or something that is no regular file (a
            device, a pipe, a folder) has the name; nothing is left behind or replaced.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EEXIST, "something that is no regular file has this name", str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "its folder does not exist", str(path))
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp gives 0600; results are for sharing
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits.

    Raises:
        OSError: The file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
