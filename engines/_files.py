"""Write files so that a reader sees the old content or the new one, never half of it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .errors import EngineBuildError


def write_atomically(path: Path, content: bytes) -> Path:
    """Write ``content`` to a temporary file beside ``path`` and rename it.

    Raises:
        EngineBuildError: The folder does not exist, or the file cannot be written.
    """
    if not path.parent.is_dir():
        raise EngineBuildError(f"cannot save {path}: the folder {path.parent} does not exist")
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp gives 0600; an engine is for sharing
        os.replace(temporary, path)
    except OSError as error:
        raise EngineBuildError(f"cannot save {path}: {error}") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
