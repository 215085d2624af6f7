"""Whether a bundle's folder holds what its manifest lists; plain Python, for every reader."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from searchspaces import sha256_of_file

from ..errors import BundleError, BundleFilesError, BundleTamperedError
from ..files import sha256_of
from .strict_json import MAX_JSON_BYTES, strict_json

SCHEMA = "detfit-bundle"
SCHEMA_VERSION = 1

MANIFEST = "manifest.json"
MANIFEST_DIGEST = "manifest.sha256"
MODEL = "model.onnx"
WEIGHTS = "weights.safetensors"
PREPROCESS = "preprocess.json"
POSTPROCESS = "postprocess.json"
LABELS = "labels.json"
MEASUREMENT = "measurement.json"
REPORT = "report.html"
REQUIRED = (MODEL, WEIGHTS, PREPROCESS, POSTPROCESS, LABELS, REPORT)

SEPARATORS = "/\\:"
"""Of folders, drives and streams, on any system."""

DEVICE_NAME = re.compile(r"(con|nul|aux|prn|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""What Windows takes for a device and not for a file, with any ending."""

NAMED = 8
"""Files that a message names at the most."""

SHA256 = re.compile(r"[0-9a-f]{64}")


def check_files(path: Path) -> bytes:
    """Check every file of a bundle and return the content of its manifest.

    The hashes protect against damage and careless edits, not against someone who writes a whole
    new bundle: nothing is signed.

    Raises:
        BundleError: It is no bundle, or one of an unknown version.
        BundleFilesError: Files are missing, extra, links, unreadable, or named outside of the
            folder.
        BundleTamperedError: A file has another content than when it was written.
    """
    with _readable(path):
        content = _manifest_bytes(path)
        files = listed_files(manifest_values(content))
        _check_listing(path, set(files))
        for name, digest in sorted(files.items()):
            if not hmac.compare_digest(sha256_of_file(path / name), digest):
                raise BundleTamperedError(
                    f"{path / name} was changed after the bundle was written: its SHA-256 is not "
                    f"the one in {MANIFEST}; copy the bundle again, or export it again"
                )
    return content


def manifest_values(content: bytes) -> dict[str, Any]:
    """Return the fields of a manifest of this version, without its schema.

    Raises:
        BundleError: It is no JSON, or of another schema or version.
    """
    values = strict_json(content, MANIFEST)
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        raise BundleError(f'{MANIFEST} is not that of a bundle: it lacks "schema": "{SCHEMA}"')
    version = values.get("schema_version")
    if type(version) is not int or version != SCHEMA_VERSION:
        raise BundleError(
            f"{MANIFEST}: schema version {version!r} of {SCHEMA!r} is unknown; this detfit "
            f"reads version {SCHEMA_VERSION}, use the detfit that wrote the bundle"
        )
    return {key: value for key, value in values.items() if key not in ("schema", "schema_version")}


def listed_files(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of every file that a manifest's fields list.

    Raises:
        BundleError: The field ``files`` is no object of SHA-256 digests.
        BundleFilesError: A name points out of the folder.
    """
    files = values.get("files")
    if not isinstance(files, dict) or not all(isinstance(v, str) for v in files.values()):
        raise BundleError(f"{MANIFEST}: files must be an object of names and SHA-256 texts")
    for name, digest in files.items():
        check_file_name(name)
        if SHA256.fullmatch(digest) is None:
            raise BundleError(
                f"{MANIFEST}: the SHA-256 of {name} must be 64 of 0-9a-f, got {digest[:80]!r}"
            )
    return files


def check_file_name(name: str) -> None:
    """Refuse a name that is not one plain file directly in the bundle's folder, on any system.

    Raises:
        BundleFilesError: The name has folders, a drive, ``..`` or characters that are no name.
    """
    separated = any(separator in name for separator in SEPARATORS)
    plain = name.isprintable() and name == name.rstrip(". ") and not DEVICE_NAME.fullmatch(name)
    if separated or not name or not plain:
        raise BundleFilesError(
            f"file name {name[:80]!r} in {MANIFEST} is not a plain name; "
            "a bundle's files lie directly in its folder"
        )


def digest_line(content: bytes) -> bytes:
    """Return the content of ``manifest.sha256``, as ``sha256sum --check`` reads it."""
    return f"{sha256_of(content)}  {MANIFEST}\n".encode()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise BundleFilesError(
            f"{where} cannot be read: {error.strerror or error}; a bundle needs all its files"
        ) from error


def _manifest_bytes(path: Path) -> bytes:
    if not path.is_dir():
        raise BundleError(f"{path} is not a folder; a bundle is one")
    for name in (MANIFEST, MANIFEST_DIGEST):
        if (path / name).is_symlink() or not (path / name).is_file():
            raise BundleFilesError(f"{path} is not a bundle: it has no file {name}")
    content, digest = (_start_of(path / name) for name in (MANIFEST, MANIFEST_DIGEST))
    if not hmac.compare_digest(digest, digest_line(content)):
        raise BundleTamperedError(
            f"{path / MANIFEST} does not agree with {MANIFEST_DIGEST}: one was changed after the "
            "bundle was written; copy the bundle again, or export it again"
        )
    return content


def _start_of(path: Path) -> bytes:
    """Return a file's content, of one that is far too large only the start."""
    with path.open("rb") as file:
        return file.read(MAX_JSON_BYTES + 1)


def _check_listing(path: Path, files: set[str]) -> None:
    found = sorted(path.iterdir())
    odd = [item.name for item in found if item.is_symlink() or not item.is_file()]
    if odd:
        raise BundleFilesError(f"{path}: {_few(odd)}: only plain files belong into a bundle")
    expected = {MANIFEST, MANIFEST_DIGEST, *files}
    names = {item.name for item in found}
    if expected - names:
        raise BundleFilesError(f"{path} lacks {_few(expected - names)}")
    if names - expected:
        raise BundleFilesError(
            f"{path} holds {_few(names - expected)}, which {MANIFEST} does not list"
        )
    if set(REQUIRED) - names:
        raise BundleFilesError(f"{path} lacks {_few(set(REQUIRED) - names)}")


def _few(names: Iterable[str]) -> str:
    """Return names for people: all of a few, the first of many."""
    ordered = [name if name.isprintable() else ascii(name) for name in sorted(names)]
    more = f" and {len(ordered) - NAMED} more" if len(ordered) > NAMED else ""
    return ", ".join(ordered[:NAMED]) + more
