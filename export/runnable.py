"""What running a bundle's engine takes, read without pydantic, torch or onnx."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from detection import DetectionError, Preprocess

from .errors import BundleError, BundleMachineError, BundleRuntimeError
from .files import json_bytes
from .integrity import (
    LABELS,
    MANIFEST,
    MODEL,
    POSTPROCESS,
    PREPROCESS,
    check_files,
    listed_files,
    manifest_values,
)
from .machine import machine_name, runtime_version, same_release
from .postprocess import Postprocess
from .records import EngineRecord

LABELS_SCHEMA = "detfit-labels"
LABELS_VERSION = 1

ENGINE_TYPES: dict[str, type] = {"device": dict, "batch": int, "threads": int}
"""Types of the fields of an engine's record; the others are texts."""


@dataclass(frozen=True, slots=True)
class Runnable:
    """Hold what a session needs of a bundle.

    Attributes:
        path: The bundle's folder.
        arch: The network, as ``space:code``.
        engine: The engine and what it was checked on.
        preprocess: From an image to the network's input.
        postprocess: From the network's outputs to detections.
        labels: Class names by label.
    """

    path: Path
    arch: str
    engine: EngineRecord
    preprocess: Preprocess
    postprocess: Postprocess
    labels: tuple[str, ...]

    @property
    def onnx_path(self) -> Path:
        """Return the ONNX model."""
        return self.path / MODEL

    @property
    def engine_path(self) -> Path:
        """Return the engine file."""
        return self.path / self.engine.file


def read_runnable(path: str | Path, *, check_machine: bool = True) -> Runnable:
    """Check every file of a bundle and read what running it takes.

    Args:
        path: The folder.
        check_machine: Refuse a bundle that was checked with another runtime version or on another
            architecture.

    Raises:
        BundleError: As in `load_bundle`, of which this is the part that needs no more than NumPy
            and Pillow.
    """
    path = Path(path)
    values = manifest_values(check_files(path))
    engine = engine_record(values)
    if check_machine:
        check_runs_here(engine)
    origin = values.get("origin")
    arch = origin.get("arch") if isinstance(origin, dict) else None
    if not isinstance(arch, str):
        raise BundleError(f"{MANIFEST}: origin.arch is missing or no text")
    return Runnable(path, arch, engine, *read_descriptions(path, values))


def engine_record(values: Mapping[str, Any]) -> EngineRecord:
    """Return the engine's record from a manifest's fields.

    Raises:
        BundleError: A field is missing, unknown or of the wrong type; the message names it.
    """
    engine = values.get("engine")
    if not isinstance(engine, dict):
        raise BundleError(f"{MANIFEST}: engine is missing or no object")
    names = [field.name for field in fields(EngineRecord)]
    if set(engine) != set(names):
        wrong = ", ".join(sorted(set(engine) ^ set(names)))
        raise BundleError(f"{MANIFEST}: engine has missing or unknown fields: {wrong}")
    for name in names:
        wanted = ENGINE_TYPES.get(name, str)
        if type(engine[name]) is not wanted:
            raise BundleError(f"{MANIFEST}: engine.{name} must be {wanted.__name__}")
    if engine["file"] not in listed_files(values):
        raise BundleError(f"{MANIFEST}: the engine file {engine['file']!r} is not among the files")
    return EngineRecord(**engine)


def check_runs_here(engine: EngineRecord) -> None:
    """Refuse an engine that was checked elsewhere than where it is to run.

    Raises:
        BundleMachineError: This machine has another processor architecture.
        BundleRuntimeError: The runtime is missing or another major.minor version.
    """
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


def read_descriptions(
    path: Path, values: Mapping[str, Any]
) -> tuple[Preprocess, Postprocess, tuple[str, ...]]:
    """Return preprocessing, postprocessing and labels of a bundle whose files were checked.

    Raises:
        BundleError: One of them is damaged, of an unknown version, or contradicts the manifest.
    """
    try:
        preprocess = Preprocess.from_json(_read_json(path / PREPROCESS))
    except DetectionError as error:
        raise BundleError(f"{path / PREPROCESS}: {error}") from error
    postprocess = Postprocess.from_json(_read_json(path / POSTPROCESS))
    labels = _read_labels(path / LABELS)
    told = (list(preprocess.input_hw), len(labels))
    if told != (values.get("input_hw"), values.get("num_classes")):
        raise BundleError(
            f"{path}: {MANIFEST} says input {values.get('input_hw')} and "
            f"{values.get('num_classes')} classes, {PREPROCESS} says {told[0]} and {LABELS} lists "
            f"{told[1]}"
        )
    return preprocess, postprocess, labels


def labels_bytes(labels: tuple[str, ...]) -> bytes:
    """Return the content of ``labels.json``."""
    return json_bytes({"schema": LABELS_SCHEMA, "version": LABELS_VERSION, "labels": list(labels)})


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
