"""What this machine is: its architecture, and the versions of what runs here."""

from __future__ import annotations

import platform
import re
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


def same_version(one: str, other: str) -> bool:
    """Return whether two versions agree in major, minor and patch number.

    Builds of one version agree: ``2.14.1+cpu`` is ``2.14.1``, ``10.4.0.26`` is ``10.4.0``,
    and so is ``10.4.0 (timing cache 3a7bd3e2360a)``.
    """
    return _numbers(one) == _numbers(other)


def _numbers(version: str) -> tuple[str, ...]:
    return tuple(re.split(r"[.+ -]", version)[:3])
