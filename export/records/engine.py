"""What is written down about an engine: its files, how it was built, where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ExportError

MAX_BATCH, MAX_THREADS = 65_536, 4_096
"""Largest settings of an engine; more is no setting but damage."""

OptionValue = str | int | float | bool | tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Artifact:
    """Name a written file and its content.

    Attributes:
        path: Where it lies.
        sha256: SHA-256 of its content, 64 hex digits.
        size_bytes: Its size.
    """

    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Say which network a bundle holds, so that torch can build it again.

    Attributes:
        arch: The architecture as ``space:code``.
        options: Options of the space: ``head``, ``input_hw``, ``num_classes`` and the like.
        seed: Seed of the run that found and trained it, if known.
        commands: Command lines that made the bundle, oldest first.
    """

    arch: str
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    seed: int | None = None
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """Say what the engine file is and what it was checked on.

    Attributes:
        name: Engine, such as ``onnxruntime``.
        version: Version of its runtime.
        file: Name of the engine file in the bundle.
        machine: Processor architecture, such as ``x86_64``.
        device: The device's fingerprint, as ``engines.DeviceInfo.to_dict`` gives it.
        precision: ``fp32``, ``fp16`` or ``int8``.
        batch: Images per run.
        threads: CPU threads.
        runs_on: Where it was built to run: ``cpu`` or ``cuda:0``.
        written_in: Precision that is written into the ONNX model, which is the engine's own or,
            where the engine lowers the model itself, ``fp32``.
        build: How an engine file that is loaded was built, by name: release, compute capability,
            flags, SHA-256 of its timing cache; empty where the ONNX model says it all.

    Raises:
        ExportError: Batch or threads are out of range.
    """

    name: str
    version: str
    file: str
    machine: str
    device: Mapping[str, str | int | float | Mapping[str, float]]
    precision: str = "fp32"
    batch: int = 1
    threads: int = 1
    runs_on: str = "cpu"
    written_in: str = "fp32"
    build: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, largest in (("batch", MAX_BATCH), ("threads", MAX_THREADS)):
            value = getattr(self, name)
            if not 1 <= value <= largest:
                raise ExportError(f"{name} must be 1 to {largest}, got {value}")
