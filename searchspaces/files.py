"""Write files so that a reader, or a machine after a power cut, sees all of one or none of it."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_CHUNK_BYTES = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT)


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
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            error.filename, error.filename2 = str(path), None  # not that of the temporary one
        raise


def append_whole(path: Path, content: bytes) -> None:
    """Append to a file, which is made if it is not there, all of it or nothing.

    Raises:
        OSError: It cannot be written; it is as it was before.
    """
    with path.open("ab", buffering=0) as file:
        length = file.seek(0, os.SEEK_END)
        rest = memoryview(content)
        try:
            while rest:  # ends: each turn writes some; a full disk takes a part, then refuses
                rest = rest[file.write(rest) :]
        except OSError:
            file.truncate(length)
            raise


@contextmanager
def writing(
    path: Path, error: Callable[[str], Exception], kept: Callable[[], str] | None = None
) -> Iterator[None]:
    """Say of what cannot be written which file it is, what there is of it, and what to do.

    Args:
        path: What is written inside of the ``with`` block.
        error: Makes the error of the room from its message.
        kept: Says what is there to go on from by ``--resume``, where there is something.

    Raises:
        Exception: ``error``, where the block raises an ``OSError``.

    Example:
        >>> with writing(Path("a.csv"), ValueError):
        ...     raise OSError(errno.ENOSPC, "disk full")
        Traceback (most recent call last):
        ValueError: a.csv: cannot be written (disk full); make room on the disk, then try again
    """
    try:
        yield
    except OSError as reason:
        fix = "make room on the disk" if reason.errno in _FULL else "make it writable"
        then = "try again" if kept is None else "go on by --resume"
        left = "" if kept is None else f"{kept()}; "
        raise error(
            f"{path}: cannot be written ({reason.strerror or reason}); {left}{fix}, then {then}"
        ) from reason


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
