"""A bundle: a folder with an engine, what it needs to run, and what was found out about it."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detection import DetectionError, Preprocess
from searchspaces import sha256_of_file

from .errors import (
    BundleError,
    BundleFilesError,
    BundleMachineError,
    BundleRuntimeError,
    BundleTamperedError,
)
from .files import json_bytes, sha256_of
from .machine import machine_name, runtime_version, same_release
from .manifest import Manifest
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


def digest_line(content: bytes) -> bytes:
    """Return the content of ``manifest.sha256``, as ``sha256sum --check`` reads it."""
    return f"{sha256_of(content)}  {MANIFEST}\n".encode()


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


def _read_manifest(path: Path) -> Manifest:
    if not path.is_dir():
        raise BundleError(f"{path} is not a folder; a bundle is one")
    for name in (MANIFEST, MANIFEST_DIGEST):
        if (path / name).is_symlink() or not (path / name).is_file():
            raise BundleFilesError(f"{path} is not a bundle: it has no file {name}")
    content = (path / MANIFEST).read_bytes()
    if not hmac.compare_digest((path / MANIFEST_DIGEST).read_bytes(), digest_line(content)):
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
