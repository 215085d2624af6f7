"""One run at a time in a folder: two would remove each other's checkpoints."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from searchspaces import writing

from ..errors import CheckpointError

try:
    import fcntl
except ImportError:  # not on Windows, which then has no lock
    fcntl = None  # type: ignore[assignment]

LOCK_NAME = ".lock"
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)  # some network file systems have none


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from running in a folder, which is made if it is not there.

    The lock ends with the process, however that ends; its empty file stays.

    Raises:
        CheckpointError: Another process runs there, or nothing can be written.
    """
    with writing(folder, CheckpointError):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK_NAME).open("wb")
    with lock as file:
        _lock(file, folder)
        yield


def _lock(file: IO[bytes], folder: Path) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CheckpointError(
            f"{folder}: another training runs there; wait for it, or choose another -o"
        ) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
