"""What running a bundle's engine takes, read without pydantic, torch or onnx."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, replace
from pathlib import Path
from typing import Any

from detection import Preprocess

from ..errors import BundleError, BundleRuntimeError, ExportError
from ..machine import machine_name, runtime_version
from ..records.engine import EngineRecord
from .descriptions import read_descriptions
from .integrity import (
    MANIFEST,
    MODEL,
    WEIGHTS,
    check_files,
    listed_files,
    manifest_values,
)
from .platforms import Platform, check_certified
from .postprocess import Postprocess

ENGINES = ("onnxruntime", "openvino", "tensorrt")
"""Engines that run a bundle without torch."""

ENGINE_TYPES: dict[str, type] = {"build": dict, "device": dict, "batch": int, "threads": int}
"""Types of the fields of an engine's record; the others are texts."""


@dataclass(frozen=True, slots=True)
class Runnable:
    """Hold what a session needs of a bundle.

    Attributes:
        path: The bundle's folder.
        arch: The network, as ``space:code``.
        engine: The engine that runs and what it was checked on.
        preprocess: From an image to the network's input.
        postprocess: From the network's outputs to detections.
        labels: Class names by label.
        platforms: Where the bundle is certified.
    """

    path: Path
    arch: str
    engine: EngineRecord
    preprocess: Preprocess
    postprocess: Postprocess
    labels: tuple[str, ...]
    platforms: tuple[Platform, ...]

    @property
    def onnx_path(self) -> Path:
        """Return the ONNX model."""
        return self.path / MODEL

    @property
    def engine_path(self) -> Path:
        """Return the engine file, as the vendor's own tools read it."""
        return self.path / self.engine.file

    @property
    def weights_path(self) -> Path:
        """Return the weights of the torch model."""
        return self.path / WEIGHTS


def read_runnable(path: str | Path, *, check_machine: bool = True) -> Runnable:
    """Check every file of a bundle and read what running its engine takes.

    Args:
        path: The folder.
        check_machine: Refuse a bundle that was verified with other runtime versions or on other
            architectures only; turn it off to look at a bundle, or to run it unverified.

    Raises:
        BundleError: It is no whole and unchanged bundle, or one of an unknown version.
        BundleRuntimeError: The installed runtime is another version.
        BundleMachineError: This machine has another processor architecture.
    """
    path = Path(path)
    ready = runnable_of(path, manifest_values(check_files(path)))
    if check_machine:
        check_certified(ready.platforms, ready.engine.name)
    return ready


def runnable_by(
    path: str | Path, engine: str | None = None, *, verified_only: bool = True
) -> Runnable:
    """Check every file of a bundle and return it as an engine runs it, without torch.

    Args:
        path: The folder.
        engine: One of `ENGINES`; the bundle's own if ``None``.
        verified_only: Refuse what the bundle's certificates do not cover.

    Raises:
        BundleError: It is no whole and unchanged bundle, or not one for this engine and machine.
    """
    ready = read_runnable(path, check_machine=False)
    wanted = engine or ready.engine.name
    if wanted not in ENGINES:
        raise BundleRuntimeError(
            f"engine {wanted!r} does not run without torch; those that do are "
            f"{', '.join(ENGINES)}: export the detector for one of them"
        )
    if verified_only:
        check_certified(ready.platforms, wanted)
    return run_by(ready, wanted)


def runnable_of(path: Path, values: Mapping[str, Any]) -> Runnable:
    """Return what running takes of a bundle whose files were checked.

    Args:
        path: The folder.
        values: The manifest's fields.

    Raises:
        BundleError: A description is damaged, of an unknown version, or contradicts the manifest.
    """
    engine = engine_record(values)
    origin = values.get("origin")
    arch = origin.get("arch") if isinstance(origin, dict) else None
    if not isinstance(arch, str):
        raise BundleError(f"{MANIFEST}: origin.arch is missing or no text")
    platforms = (Platform.of(engine), *_further_platforms(values))
    return Runnable(path, arch, engine, *read_descriptions(path, values, engine.batch), platforms)


def run_by(ready: Runnable, engine: str) -> Runnable:
    """Return a bundle's model to be run by another engine, as it is certified for where it is."""
    if engine == ready.engine.name:
        return ready
    version = runtime_version(engine) or "unknown"
    wanted = Platform(engine, version, machine_name())
    known = [p for p in ready.platforms if (p.engine, p.machine) == (engine, wanted.machine)]
    options = known[0].options if known else wanted.options
    record = replace(
        ready.engine,
        name=engine,
        version=version,
        file=MODEL,
        machine=wanted.machine,
        device={"options": options},
        build={},
        runs_on="cuda:0" if engine == "tensorrt" else "cpu",
    )
    return replace(ready, engine=record)


def engine_record(values: Mapping[str, Any]) -> EngineRecord:
    """Return the engine's record from a manifest's fields.

    Raises:
        BundleError: A field is missing, unknown, of the wrong type or out of range; the message
            names it.
    """
    engine = _object(values.get("engine"), "engine", EngineRecord, ENGINE_TYPES)
    if engine["file"] not in listed_files(values):
        raise BundleError(f"{MANIFEST}: the engine file {engine['file']!r} is not among the files")
    try:
        return EngineRecord(**engine)
    except ExportError as error:
        raise BundleError(f"{MANIFEST}: engine: {error}") from error


def _further_platforms(values: Mapping[str, Any]) -> list[Platform]:
    certificates = values.get("certificates", [])
    if not isinstance(certificates, list):
        raise BundleError(f"{MANIFEST}: certificates must be a list")
    return [
        Platform(**_object(_field(entry, "platform"), f"certificates.{i}.platform", Platform, {}))
        for i, entry in enumerate(certificates)
    ]


def _field(entry: object, name: str) -> object:
    return entry.get(name) if isinstance(entry, dict) else None


def _has_no_default(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _object(found: object, where: str, kind: type, types: Mapping[str, type]) -> dict[str, Any]:
    """Return an object of a manifest that has the fields of a dataclass, of the right types."""
    if not isinstance(found, dict):
        raise BundleError(f"{MANIFEST}: {where} is missing or no object")
    names = {field.name for field in fields(kind)}
    needed = {field.name for field in fields(kind) if _has_no_default(field)}
    if not needed <= set(found) <= names:
        wrong = ", ".join(sorted((needed - set(found)) | (set(found) - names)))
        raise BundleError(f"{MANIFEST}: {where} has missing or unknown fields: {wrong}")
    for name in found:
        wanted = types.get(name, str)
        if type(found[name]) is not wanted:
            raise BundleError(f"{MANIFEST}: {where}.{name} must be {wanted.__name__}")
    return found
