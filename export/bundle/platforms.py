"""Where an engine was verified, and whether that is here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import BundleMachineError, BundleRuntimeError
from ..machine import RUNTIMES, machine_name, runtime_version, same_version
from ..records.engine import EngineRecord

PLAIN_VERSION = re.compile(r"([0-9][\w.+]*)( \(timing cache (empty|[0-9a-f]{12})\))?")
"""A version, of TensorRT perhaps with the timing cache that it built with."""

UNVERIFIED = "run it unverified (--unverified)"
CERTIFY = "certify it here by `detfit verify BUNDLE --data COCO_DIR --certify`"
EXPORT_AGAIN = (
    "export it again here (`detfit export ARCH --weights BUNDLE/weights.safetensors --engine "
    "tensorrt ...`): a plan runs on the release and the kind of GPU that it was built on"
)


@dataclass(frozen=True, slots=True)
class Platform:
    """Name what a certificate holds for.

    Attributes:
        engine: Engine, such as ``onnxruntime``.
        version: Version of its runtime.
        machine: Processor architecture, such as ``x86_64``.
        options: How the engine was built, as in its device's fingerprint.
        gpu: Name of the GPU; empty for an engine on a CPU.
    """

    engine: str
    version: str
    machine: str
    options: str = "default"
    gpu: str = ""

    @classmethod
    def of(cls, record: EngineRecord) -> Platform:
        """Return where an engine was checked."""
        return cls(
            engine=record.name,
            version=record.version,
            machine=record.machine,
            options=str(record.device.get("options", "default")),
            gpu="" if record.runs_on == "cpu" else str(record.device.get("name", "unknown")),
        )

    def same_as(self, other: Platform) -> bool:
        """Return whether one certificate holds for both."""
        return self._kind == other._kind and same_version(self.version, other.version)

    @property
    def _kind(self) -> tuple[str, ...]:
        return self.engine, self.machine, self.options, self.gpu

    def __str__(self) -> str:
        options = "" if self.options == "default" else f" ({self.options})"
        return f"{self.engine} {self.version}{options} on {self.gpu or self.machine}"


def check_certified(platforms: Sequence[Platform], engine: str) -> None:
    """Refuse an engine that was verified elsewhere than where it is to run.

    Which GPU it is shows once the engine is built: see :func:`check_gpu`.

    Args:
        platforms: Where it was verified.
        engine: That is to run.

    Raises:
        BundleMachineError: This machine has another processor architecture.
        BundleRuntimeError: It was verified with other engines only, or the runtime is missing or
            of another version.
    """
    mine = [platform for platform in platforms if platform.engine == engine]
    if not mine:
        raise BundleRuntimeError(
            f"the bundle was verified with {_listed(p.engine for p in platforms)}, not with "
            f"{engine}; {_how(engine)}"
        )
    here = [platform for platform in mine if platform.machine == machine_name()]
    if not here:
        raise BundleMachineError(
            f"the engine was verified on {_listed(p.machine for p in mine)}, this machine is "
            f"{machine_name()}; {_how(engine)}"
        )
    versions = [platform.version for platform in here]
    installed = runtime_version(engine)
    if installed is None:
        raise BundleRuntimeError(
            f"the engine needs {engine} {_listed(versions)}, which is not installed"
            f"{_install(engine, versions[0])}"
        )
    if not any(same_version(installed, version) for version in versions):
        raise BundleRuntimeError(
            f"the engine was verified with {engine} {_listed(versions)}, installed is "
            f"{installed}{_install(engine, versions[0])}, or {_how(engine)}"
        )


def check_gpu(platforms: Sequence[Platform], engine: str, gpu: str) -> None:
    """Refuse a GPU that the engine was not verified on.

    Raises:
        BundleMachineError: It is another one.
    """
    known = [platform.gpu for platform in platforms if platform.engine == engine]
    if gpu not in known:
        raise BundleMachineError(
            f"the engine was verified on {_listed(known)}, the GPU here is {gpu}; {_how(engine)}"
        )


def _how(engine: str) -> str:
    """Return what to do where no certificate holds."""
    return f"{EXPORT_AGAIN if engine == 'tensorrt' else CERTIFY}, or {UNVERIFIED}"


def _install(engine: str, version: str) -> str:
    """Return the line that installs a runtime; nothing for one that is not of ours."""
    plain = PLAIN_VERSION.fullmatch(version) if engine in RUNTIMES else None
    return f"; run: pip install {engine}=={plain[1]}" if plain else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
