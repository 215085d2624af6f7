"""Write a bundle so that a reader sees the whole of it or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from searchspaces import sha256_of_file

from ..errors import BundleError, BundleFilesError
from ..files import sha256_of
from .bundle import Bundle, load_bundle
from .integrity import MANIFEST, MANIFEST_DIGEST, REQUIRED, check_file_name, digest_line
from .manifest import Manifest
from .place import refuse_in_the_way


def write_bundle(
    path: str | Path,
    manifest: Manifest,
    files: Mapping[str, bytes | Path],
    *,
    overwrite: bool = False,
) -> Bundle:
    """Write a bundle: into a temporary folder beside it first, then renamed.

    Args:
        path: The folder to make.
        manifest: What to say; its ``files`` are filled in here.
        files: Content, or a file to copy, by name in the bundle.
        overwrite: Replace an existing bundle; anything else in the way is never replaced.

    Returns:
        The bundle as read back.

    Raises:
        BundleError: Something is in the way, or the folder cannot be written.
        BundleFilesError: A file that every bundle has is missing, or a name is no plain name.
    """
    path = Path(path).absolute()
    refuse_in_the_way(path, overwrite=overwrite)
    _check_names(files, manifest.engine.file)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        _fill(temporary, manifest, files)
        load_bundle(temporary, check_machine=False)
        _swap_in(temporary, path)
    except OSError as error:
        raise BundleError(f"cannot write the bundle {path}: {error}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return load_bundle(path, check_machine=False)


def digests_of(files: Mapping[str, bytes | Path]) -> dict[str, str]:
    """Return the SHA-256 of every file, by name."""
    return {
        name: sha256_of(content) if isinstance(content, bytes) else sha256_of_file(content)
        for name, content in sorted(files.items())
    }


def _check_names(files: Mapping[str, bytes | Path], engine_file: str) -> None:
    missing = [name for name in (*REQUIRED, engine_file) if name not in files]
    if missing:
        raise BundleFilesError(f"a bundle needs {', '.join(missing)}")
    for name in files:
        check_file_name(name)
        if name in (MANIFEST, MANIFEST_DIGEST):
            raise BundleFilesError(f"{name} is written by the bundle itself")


def _fill(folder: Path, manifest: Manifest, files: Mapping[str, bytes | Path]) -> None:
    for name, content in files.items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            shutil.copyfile(content, folder / name)
    content = replace(manifest, files=digests_of(files)).to_bytes()
    (folder / MANIFEST).write_bytes(content)
    (folder / MANIFEST_DIGEST).write_bytes(digest_line(content))
    folder.chmod(0o755)


def _swap_in(temporary: Path, path: Path) -> None:
    """Put the new folder in place; if that fails, the old one is back where it was."""
    if not path.exists():
        os.replace(temporary, path)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
    os.replace(path, old)
    try:
        os.replace(temporary, path)
    except BaseException:
        os.replace(old, path)
        raise
    shutil.rmtree(old)
