"""Engines that a bundle keeps as a file of their own, and may load where they belong alone.

A TensorRT plan runs on the release that built it and on GPUs of one compute capability. It is
loaded, never built again unasked: another build may choose other kernels than the ones that were
verified. ONNX Runtime and OpenVINO read the bundle's ONNX model itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engines import (
    BUILD_FILES,
    EngineDeviceError,
    EngineReleaseError,
    Kept,
    Loads,
    Recorded,
)

from ..errors import BundleMachineError, BundleRuntimeError
from .integrity import MODEL, WEIGHTS

if TYPE_CHECKING:
    from engines import Backend, Engine, Model

    from .runnable import Runnable


def build_record(engine: Engine) -> dict[str, str]:
    """Return what an engine was built from and how; empty where the ONNX model says it all."""
    return dict(engine.build_record) if isinstance(engine, Recorded) else {}


def build_files(engine: Engine) -> dict[str, bytes]:
    """Return by name what a bundle keeps to build an engine again, besides the model."""
    return dict(engine.build_files) if isinstance(engine, Recorded) else {}


def open_engine(
    backend: Backend, bundle: Runnable, model: Model, *, rebuild: bool = False
) -> Engine:
    """Load a bundle's engine file, or build the engine where the model is all there is.

    Args:
        backend: Of the bundle's engine.
        bundle: A bundle that was checked.
        model: What the engine is built from.
        rebuild: Build a new engine from the model where the kept one does not run.

    Raises:
        BundleRuntimeError: The kept engine was built by another release of its runtime.
        BundleMachineError: It was built for another kind of GPU.
        EngineError: It cannot be loaded or built.
    """
    record = bundle.engine
    precision, threads, device = record.precision, record.threads, record.runs_on
    if not record.build or not isinstance(backend, Loads):
        return backend.build(model, precision=precision, threads=threads, device=device)
    kept = read_kept(bundle)
    try:
        return backend.load(kept, model, precision=precision, threads=threads, device=device)
    except (EngineDeviceError, EngineReleaseError) as error:
        if rebuild:
            return backend.rebuild(
                kept, model, precision=precision, threads=threads, device=device
            )
        elsewhere = isinstance(error, EngineDeviceError)
        kind = BundleMachineError if elsewhere else BundleRuntimeError
        raise kind(f"{bundle.engine_path}: {error}; {how_to_rebuild(bundle)}") from error


def read_kept(bundle: Runnable) -> Kept:
    """Return the engine file of a bundle whose files were checked, with what belongs to it."""
    files = {name: bundle.path / name for name in BUILD_FILES}
    return Kept(
        bundle.engine_path.read_bytes(),
        bundle.engine.build,
        {name: path.read_bytes() for name, path in files.items() if path.is_file()},
    )


def how_to_rebuild(bundle: Runnable) -> str:
    """Return the command that makes a verified engine of the same model here."""
    record = bundle.engine
    return (
        f"make a bundle for this machine: detfit export {bundle.arch} "
        f"--weights {bundle.path / WEIGHTS} --engine {record.name} "
        f"--precision {record.precision} --device {record.runs_on} --verify COCO_DIR "
        f"-o NEW_BUNDLE; or run it unverified (--unverified), which builds an engine from {MODEL}"
    )
