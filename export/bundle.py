"""A bundle: a folder with an engine, what it needs to run, and what was found out about it."""

from __future__ import annotations

import hmac
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from detection import DetectionError, Preprocess

from .errors import (
    BundleError,
    BundleFilesError,
    BundleMachineError,
    BundleRuntimeError,
    BundleTamperedError,
)
from .files import json_bytes, sha256_of, sha256_of_file
from .machine import machine_name, runtime_version, same_release
from .manifest import Manifest, check_file_name, is_manifest
from .postprocess import Postprocess

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

LABELS_SCHEMA = "detfit-labels"
LABELS_VERSION = 1


@dataclass(frozen=True, slots=True)
class Bundle:
    """Hold a bundle that was checked.

    Attributes:
        path: The folder.
        manifest: What it says about itself.
        preprocess: From an image to the network's input.
        postprocess: From the network's outputs to detections.
        labels: Class names by label.
    """

    path: Path
    manifest: Manifest
    preprocess: Preprocess
    postprocess: Postprocess
    labels: tuple[str, ...]

    @property
    def onnx_path(self) -> Path:
        """Return the ONNX model."""
        return self.path / MODEL

    @property
    def engine_path(self) -> Path:
        """Return the engine file, as the vendor's own tools read it."""
        return self.path / self.manifest.engine.file

    @property
    def weights_path(self) -> Path:
        """Return the weights of the torch model."""
        return self.path / WEIGHTS

    @property
    def report_path(self) -> Path:
        """Return the report."""
        return self.path / REPORT


def labels_bytes(labels: tuple[str, ...]) -> bytes:
    """Return the content of ``labels.json``."""
    return json_bytes({"schema": LABELS_SCHEMA, "version": LABELS_VERSION, "labels": list(labels)})


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
        load_bundle(temporary)
        _swap_in(temporary, path)
    except OSError as error:
        raise BundleError(f"cannot write the bundle {path}: {error}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return load_bundle(path)


def refuse_in_the_way(path: Path, *, overwrite: bool) -> None:
    """Refuse a target that is not free and may not be replaced; an empty folder is free.

    Raises:
        BundleError: A file, a link, another folder, or a bundle without ``overwrite``.
    """
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise BundleError(f"{path} is not a folder; name another one for the bundle")
    if not path.exists() or not any(path.iterdir()):
        return
    manifest = path / MANIFEST
    if not manifest.is_file() or not is_manifest(manifest.read_bytes()):
        raise BundleError(f"{path} holds something else than a bundle; it is left as it is")
    if not overwrite:
        raise BundleError(f"{path} is a bundle already; overwrite it with --overwrite")


def load_bundle(path: str | Path, *, check_machine: bool = True) -> Bundle:
    """Read a bundle and check every file of it.

    The hashes protect against damage and careless edits, not against someone who writes a whole
    new bundle: nothing is signed.

    Args:
        path: The folder.
        check_machine: Refuse a bundle that was checked with another runtime version or on another
            architecture; turn it off only to look at a bundle, not to run it.

    Raises:
        BundleError: It is no bundle, or one of an unknown version.
        BundleFilesError: Files are missing, extra, links, or named outside of the folder.
        BundleTamperedError: A file has another content than when it was written.
        BundleRuntimeError: The installed runtime is another version.
        BundleMachineError: This machine has another processor architecture.
    """
    path = Path(path)
    manifest = _read_manifest(path)
    _check_listing(path, manifest)
    for name, digest in sorted(manifest.files.items()):
        if not hmac.compare_digest(sha256_of_file(path / name), digest):
            raise BundleTamperedError(f"{path / name} was changed after the bundle was written")
    if check_machine:
        check_runs_here(manifest)
    preprocess, postprocess, labels = _read_descriptions(path)
    if preprocess.input_hw != manifest.input_hw or len(labels) != manifest.num_classes:
        raise BundleError(
            f"{path}: {MANIFEST} says input {manifest.input_hw} and {manifest.num_classes} "
            f"classes, {PREPROCESS} says {preprocess.input_hw} and {LABELS} lists {len(labels)}"
        )
    return Bundle(path, manifest, preprocess, postprocess, labels)


def check_runs_here(manifest: Manifest) -> None:
    """Refuse an engine that was checked elsewhere than where it is to run.

    Raises:
        BundleMachineError: This machine has another processor architecture.
        BundleRuntimeError: The runtime is missing or another major.minor version.
    """
    engine = manifest.engine
    if engine.machine != machine_name():
        raise BundleMachineError(
            f"the engine was checked on {engine.machine}, this machine is {machine_name()}; "
            "export the detector again on this machine"
        )
    installed = runtime_version(engine.name)
    if installed is None:
        raise BundleRuntimeError(
            f"the engine needs {engine.name} {engine.version}, which is not installed; "
            f"run: pip install {engine.name}=={engine.version}"
        )
    if not same_release(installed, engine.version):
        raise BundleRuntimeError(
            f"the engine was checked with {engine.name} {engine.version}, installed is "
            f"{installed}; run: pip install {engine.name}=={engine.version}, or export again"
        )


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
    digests = {name: sha256_of_file(folder / name) for name in sorted(files)}
    content = replace(manifest, files=digests).to_bytes()
    (folder / MANIFEST).write_bytes(content)
    (folder / MANIFEST_DIGEST).write_bytes(_digest_line(content))
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


def _digest_line(content: bytes) -> bytes:
    # The form that `sha256sum --check` reads.
    return f"{sha256_of(content)}  {MANIFEST}\n".encode()


def _read_manifest(path: Path) -> Manifest:
    if not path.is_dir():
        raise BundleError(f"{path} is not a folder; a bundle is one")
    for name in (MANIFEST, MANIFEST_DIGEST):
        if (path / name).is_symlink() or not (path / name).is_file():
            raise BundleFilesError(f"{path} is not a bundle: it has no file {name}")
    content = (path / MANIFEST).read_bytes()
    if not hmac.compare_digest((path / MANIFEST_DIGEST).read_bytes(), _digest_line(content)):
        raise BundleTamperedError(
            f"{path / MANIFEST} does not agree with {MANIFEST_DIGEST}: one was changed after the "
            "bundle was written"
        )
    return Manifest.from_bytes(content)


def _check_listing(path: Path, manifest: Manifest) -> None:
    found = sorted(path.iterdir())
    odd = [item.name for item in found if item.is_symlink() or not item.is_file()]
    if odd:
        raise BundleFilesError(f"{path}: {', '.join(odd)}: only plain files belong into a bundle")
    expected = {MANIFEST, MANIFEST_DIGEST, *manifest.files}
    names = {item.name for item in found}
    if expected - names:
        raise BundleFilesError(f"{path} lacks {', '.join(sorted(expected - names))}")
    if names - expected:
        raise BundleFilesError(
            f"{path} holds {', '.join(sorted(names - expected))}, which {MANIFEST} does not list"
        )
    if set(REQUIRED) - names:
        raise BundleFilesError(f"{path} lacks {', '.join(sorted(set(REQUIRED) - names))}")


def _read_descriptions(path: Path) -> tuple[Preprocess, Postprocess, tuple[str, ...]]:
    try:
        preprocess = Preprocess.from_json(_read_json(path / PREPROCESS))
    except DetectionError as error:
        raise BundleError(f"{path / PREPROCESS}: {error}") from error
    postprocess = Postprocess.from_json(_read_json(path / POSTPROCESS))
    return preprocess, postprocess, _read_labels(path / LABELS)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise BundleError(f"{path} is not JSON: {error}") from error


def _read_labels(path: Path) -> tuple[str, ...]:
    data = _read_json(path)
    if not isinstance(data, dict) or set(data) != {"schema", "version", "labels"}:
        raise BundleError(f"{path}: expected an object with schema, version and labels")
    if (data["schema"], data["version"]) != (LABELS_SCHEMA, LABELS_VERSION):
        raise BundleError(
            f"{path}: schema {data['schema']!r} version {data['version']!r} is unknown; this "
            f"detfit reads {LABELS_SCHEMA!r} version {LABELS_VERSION}"
        )
    labels = data["labels"]
    texts = isinstance(labels, list) and all(isinstance(name, str) for name in labels)
    if not texts or not labels or len(set(labels)) != len(labels):
        raise BundleError(f"{path}: labels must be different texts, at least one")
    return tuple(labels)
