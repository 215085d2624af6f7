"""Which device and which software a measurement belongs to."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ._fields import check_int, check_number, check_text, read_fields
from ._tools import answer_of, ask_gpu
from .errors import EngineBuildError, EngineUnavailableError, MeasurementError

KINDS = ("cpu", "cuda", "simulated")
UNKNOWN = "unknown"
DEFAULT_OPTIONS = "default"
_NVIDIA_SMI_TRIES = 2  # it fails now and then while another process opens the GPU
_GPU_QUERY = "driver_version,clocks.sm,clocks.mem"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """Identify a device together with the runtime that drives it.

    Measurements of two devices may be mixed only where every field but ``clocks_mhz`` is equal.

    Attributes:
        kind: One of :data:`KINDS`.
        name: What the vendor calls it.
        uuid: The board: the GPU's own UUID, a hash of the machine id for a CPU, ``unknown`` where
            the system has none (then two machines of one model are not told apart).
        cores: Logical processors of a CPU, multiprocessors of a GPU.
        engine: Runtime that runs the model, such as ``onnxruntime``.
        engine_version: Its version.
        driver: Driver and CUDA version for a GPU, ``none`` for a CPU.
        os: System, kernel as major.minor, and architecture.
        python: Version as major.minor.
        options: How engines are built where that is not the default, such as
            ``channels_last=true half=bf16``; ``default`` otherwise, and in files from before there
            were options.
        clocks_mhz: Clock rates seen when the engine was built; they vary and identify nothing.
    """

    kind: str
    name: str
    uuid: str
    cores: int
    engine: str
    engine_version: str
    driver: str
    os: str
    python: str
    options: str = DEFAULT_OPTIONS
    clocks_mhz: Mapping[str, float] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        for entry in fields(self):
            if entry.name not in ("cores", "clocks_mhz"):
                check_text("DeviceInfo", entry.name, getattr(self, entry.name))
        check_int("DeviceInfo", "cores", self.cores, 1)
        if self.kind not in KINDS:
            raise MeasurementError(
                f"DeviceInfo.kind must be one of {', '.join(KINDS)}, got {self.kind!r}"
            )
        if not isinstance(self.clocks_mhz, Mapping):
            raise MeasurementError(
                f"DeviceInfo.clocks_mhz must be a JSON object, got {self.clocks_mhz!r}"
            )
        for name, clock in self.clocks_mhz.items():
            check_number("DeviceInfo", f"clocks_mhz[{name!r}]", clock)

    @property
    def identity(self) -> dict[str, Any]:
        """Return every field but the clocks."""
        return {name: value for name, value in self.to_dict().items() if name != "clocks_mhz"}

    @property
    def fingerprint(self) -> str:
        """Return 16 hex digits that are equal only where :attr:`identity` is."""
        identity = self.identity
        if self.options == DEFAULT_OPTIONS:  # as before there were options
            del identity["options"]
        text = "\n".join(f"{name}={value}" for name, value in sorted(identity.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def differences(self, other: DeviceInfo) -> tuple[tuple[str, Any, Any], ...]:
        """Return ``(field, mine, theirs)`` of every identity field that differs."""
        mine, theirs = self.identity, other.identity
        return tuple(
            (name, mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; :meth:`from_dict` reads them back."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {**values, "clocks_mhz": dict(self.clocks_mhz)}

    @classmethod
    def from_dict(cls, data: object) -> DeviceInfo:
        """Read what :meth:`to_dict` wrote.

        Raises:
            MeasurementError: A field is missing, unknown or of the wrong type.
        """
        return cls(**read_fields(cls, data, added={"options": DEFAULT_OPTIONS}))


def parse_device(text: str) -> tuple[str, int]:
    """Split ``cpu``, ``cuda`` or ``cuda:1`` into kind and index.

    Raises:
        EngineBuildError: The text is none of these.
    """
    match = re.fullmatch(r"(cpu)|cuda(?::(\d+))?", text)
    if match is None:
        raise EngineBuildError(f"unknown device {text!r}; write cpu, cuda or cuda:0")
    return ("cpu", 0) if match[1] else ("cuda", int(match[2] or 0))


def require_cpu(engine: str, device: str) -> None:
    """Refuse any device but the CPU for an engine that runs nowhere else.

    Raises:
        EngineBuildError: The text names another device, or none.
    """
    if parse_device(device)[0] != "cpu":
        raise EngineBuildError(
            f"engine {engine!r} runs on cpu, not on {device!r}; "
            "use engine 'torch' for a CUDA device"
        )


def cpu_device(engine: str, engine_version: str, root: Path = Path("/")) -> DeviceInfo:
    """Describe this machine's CPU as driven by ``engine``.

    Args:
        engine: Name of the runtime.
        engine_version: Version of the runtime.
        root: Where ``proc`` and ``etc`` lie.
    """
    clock = cpu_clock_mhz(root)
    return DeviceInfo(
        kind="cpu",
        name=cpu_name(root),
        uuid=machine_id(root),
        cores=os.cpu_count() or 1,
        engine=engine,
        engine_version=engine_version,
        driver="none",
        clocks_mhz={} if clock is None else {"cpu": clock},
        **_software(),
    )


def cuda_device(
    engine: str, engine_version: str, index: int = 0, root: Path = Path("/")
) -> DeviceInfo:
    """Describe a CUDA device as torch and the driver see it.

    Args:
        engine: Name of the runtime.
        engine_version: Version of the runtime.
        index: Number of the device as torch counts.
        root: Where ``proc`` and ``sys`` lie.

    Raises:
        EngineUnavailableError: torch sees no such device.
    """
    import torch

    if index >= torch.cuda.device_count():
        raise EngineUnavailableError(
            f"there is no device cuda:{index}: torch {torch.__version__} sees "
            f"{torch.cuda.device_count()} CUDA devices here; use cpu, or install a CUDA build of "
            "torch and the NVIDIA driver"
        )
    properties = torch.cuda.get_device_properties(index)
    uuid = str(getattr(properties, "uuid", UNKNOWN))  # torch < 2.5 on some platforms has none
    board = query_nvidia_smi(uuid)
    driver = nvidia_driver(root) or board.get("driver", UNKNOWN)
    clocks = {key: float(board[key]) for key in ("sm", "memory") if board.get(key, "").isdigit()}
    return DeviceInfo(
        kind="cuda",
        name=properties.name,
        uuid=uuid,
        cores=properties.multi_processor_count,
        engine=engine,
        engine_version=engine_version,
        driver=f"{driver}, CUDA {torch.version.cuda}",
        clocks_mhz={key: clock for key, clock in clocks.items() if clock > 0},
        **_software(),
    )


def cpu_name(root: Path = Path("/")) -> str:
    """Return the CPU's model name with its family and model number where Linux tells them.

    The numbers matter on clouds, where one name stands for several generations.
    """
    entries = _cpuinfo(root)
    numbers = [f"{key} {entries[key]}" for key in ("cpu family", "model") if key in entries]
    if "model name" in entries:
        suffix = f" ({', '.join(numbers)})" if numbers else ""
        return entries["model name"] + suffix
    board = _read(root / "proc/device-tree/model").strip("\0\n ")  # Arm boards
    apple = "" if board else _mac_answer("sysctl", "-n", "machdep.cpu.brand_string").strip()
    return board or apple or platform.processor() or platform.machine() or UNKNOWN


def cpu_clock_mhz(root: Path = Path("/")) -> float | None:
    """Return the present clock of the first core in MHz, or None where it is not told."""
    kilohertz = _read(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq").strip()
    if kilohertz.isdigit() and int(kilohertz) > 0:
        return int(kilohertz) / 1000.0
    try:
        clock = float(_cpuinfo(root).get("cpu MHz", ""))
    except ValueError:
        return None
    return clock if clock > 0 else None


def machine_id(root: Path = Path("/")) -> str:
    """Return a hash of the machine id of Linux, or of the platform UUID of macOS, or ``unknown``.

    The id itself is confidential; its manual asks for an application's own hash of it (man 5
    machine-id).
    """
    for name in ("etc/machine-id", "var/lib/dbus/machine-id"):
        text = _read(root / name).strip()
        if text and text != "uninitialized":
            return _hashed_id(text)
    registry = _mac_answer("ioreg", "-rd1", "-c", "IOPlatformExpertDevice")
    apple = re.search(r'"IOPlatformUUID" = "([^"]+)"', registry)
    return _hashed_id(apple[1]) if apple else UNKNOWN


def nvidia_driver(root: Path = Path("/")) -> str | None:
    """Return the version of the loaded NVIDIA driver, or None where Linux does not tell it."""
    version = _read(root / "sys/module/nvidia/version").strip()
    if version:
        return version
    # "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 ..."
    banner = _read(root / "proc/driver/nvidia/version")
    match = re.search(r"Kernel Module\b.*?\s(\d+(?:\.\d+)+)\s", banner)
    return match[1] if match else None


def query_nvidia_smi(uuid: str) -> dict[str, str]:
    """Return ``driver``, ``sm`` and ``memory`` (clocks in MHz) of a GPU; empty where not told."""
    if uuid == UNKNOWN:
        return {}
    answers = (ask_gpu(uuid, _GPU_QUERY) for _ in range(_NVIDIA_SMI_TRIES))
    answer = next((text for text in answers if text), "")
    if not answer:
        return {}
    values = [value.strip() for value in answer.split(",")]
    return dict(zip(("driver", "sm", "memory"), values, strict=False))


def _hashed_id(text: str) -> str:
    return "machine-" + hashlib.sha256(f"detfit:{text}".encode()).hexdigest()[:16]


def _mac_answer(*command: str) -> str:
    return answer_of(*command) if platform.system() == "Darwin" else ""


def _software() -> dict[str, str]:
    # Patch levels are left out: they change weekly and do not change a runtime's kernels.
    kernel = ".".join(platform.release().split(".")[:2])
    return {
        "os": f"{platform.system()} {kernel} {platform.machine()}",
        "python": ".".join(platform.python_version_tuple()[:2]),
    }


def _cpuinfo(root: Path) -> dict[str, str]:
    """Return the entries of the first processor."""
    first = _read(root / "proc/cpuinfo").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs if value.strip()}


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""  # not this system, or not allowed: the caller says what is then unknown
