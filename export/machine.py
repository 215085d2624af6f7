"""What this machine is: its architecture, and the versions of what runs here."""

from __future__ import annotations

import platform
from importlib import metadata

# The distribution whose version an engine's runtime has.
RUNTIMES = {
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "openvino": ("openvino",),
    "torch": ("torch",),
    "tensorrt": ("tensorrt", "tensorrt-cu12", "tensorrt-cu13"),
}
_SAME_MACHINE = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}


def machine_name() -> str:
    """Return the processor architecture under one name on every system, such as ``x86_64``."""
    name = platform.machine().lower()
    return _SAME_MACHINE.get(name, name)


def runtime_version(engine: str) -> str | None:
    """Return the installed version of an engine's runtime without loading it.

    Returns:
        ``None`` where none is installed.
    """
    for distribution in RUNTIMES.get(engine, (engine,)):
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return None


def detfit_version() -> str:
    """Return the installed version of detfit, ``unknown`` in a folder that was not installed."""
    try:
        return metadata.version("detfit")
    except metadata.PackageNotFoundError:
        return "unknown"


def same_release(one: str, other: str) -> bool:
    """Return whether two versions agree in major and minor number."""
    return one.split(".")[:2] == other.split(".")[:2]
