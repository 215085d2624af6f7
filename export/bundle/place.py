"""Where a bundle, or what is made with one, may be written: asked before the work is done."""

from __future__ import annotations

from pathlib import Path

from ..errors import BundleError
from ..files import check_writable
from .integrity import MANIFEST
from .manifest import is_manifest


def refuse_in_the_way(path: Path, *, overwrite: bool) -> None:
    """Refuse a place where no bundle can be made; an empty folder is free.

    Raises:
        BundleError: A file, a link, another folder, or a bundle without ``overwrite``; or the
            place lies in another bundle.
        ExportError: Nothing can be written there.
    """
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise BundleError(f"{path} is not a folder; name another one for the bundle")
    check_writable(path)
    refuse_inside_bundle(path.absolute().parent)
    if not path.exists() or not any(path.iterdir()):
        return
    if not holds_bundle(path):
        raise BundleError(f"{path} holds something else than a bundle; it is left as it is")
    if not overwrite:
        raise BundleError(f"{path} is a bundle already; overwrite it with --overwrite")


def refuse_inside_bundle(folder: Path) -> None:
    """Refuse to write into a bundle: with a file that its manifest does not list it is spoilt.

    Args:
        folder: Where files are to be written; it need not exist yet.

    Raises:
        BundleError: It is a bundle, or lies in one.
    """
    whole = folder.resolve()
    for place in (whole, *whole.parents):
        if holds_bundle(place):
            raise BundleError(
                f"{folder} is in the bundle {place}, which a file more would spoil: its manifest "
                "lists every one; name a folder outside of it by -o"
            )


def holds_bundle(folder: Path) -> bool:
    """Return whether a folder has the manifest of a bundle, of whatever version."""
    manifest = folder / MANIFEST
    return manifest.is_file() and is_manifest(manifest.read_bytes())
