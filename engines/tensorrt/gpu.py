"""Describe a GPU as TensorRT's engines know it, and say what is missing to use it."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from functools import lru_cache
from importlib import metadata

from .._imports import missing_reason
from .._tools import answer_of
from ..device import UNKNOWN, DeviceInfo, cpu_device, nvidia_driver, query_nvidia_smi
from ..errors import EngineBuildError, EngineUnavailableError
from .cuda import Cuda, Gpu, installed_packages
from .limits import Capability, Release, device_limits, install_line, version_problems
from .releases import release_of

_DISTRIBUTIONS = ("tensorrt", "tensorrt-cu12", "tensorrt-cu13")


def describe_gpu(
    cuda: Cuda, index: int, version: str, engine_version: str
) -> tuple[Gpu, DeviceInfo]:
    """Describe a GPU and the runtime that drives it, after checking that the two fit.

    The compute capability is part of the name, the CUDA release that the driver supports part of
    the driver. Clocks are those of now, by nvidia-smi.

    Args:
        cuda: What drives the GPU.
        index: Number of the GPU as CUDA counts.
        version: Of TensorRT.
        engine_version: The same with what else identifies an engine.

    Raises:
        EngineUnavailableError: There is no such GPU, or the versions do not run on it.
    """
    count = cuda.count()
    if index >= count:
        raise EngineUnavailableError(
            f"there is no device cuda:{index}: {cuda.name} sees {count} NVIDIA GPUs here"
        )
    gpu = cuda.describe(index)
    toolkit = gpu.toolkit if cuda.name == "cuda-python" else None
    problems = version_problems(gpu.capability, tensorrt=release_of(version), cuda=toolkit)
    if problems:
        raise EngineUnavailableError(f"{'; '.join(problems)}; run: {install_line(gpu.capability)}")
    return gpu, _device(gpu, engine_version)


def _device(gpu: Gpu, engine_version: str) -> DeviceInfo:
    uuid = gpu.uuid or _uuid_at(gpu.pci_bus)
    board = query_nvidia_smi(uuid)
    driver = nvidia_driver() or board.get("driver", UNKNOWN)
    clocks = {key: float(board[key]) for key in ("sm", "memory") if board.get(key, "").isdigit()}
    return replace(
        cpu_device("tensorrt", engine_version),  # for system and Python
        kind="cuda",
        name=f"{gpu.name} (compute capability {gpu.capability[0]}.{gpu.capability[1]})",
        uuid=uuid,
        cores=gpu.multiprocessors,
        driver=f"{driver}, CUDA {gpu.driver_cuda[0]}.{gpu.driver_cuda[1]}",
        clocks_mhz={key: clock for key, clock in clocks.items() if clock > 0},
    )


def missing_parts() -> tuple[str, ...]:
    """Return everything that keeps TensorRT from running here; loads no package.

    Driver, GPU, packages, and versions that the GPU does not run.
    """
    capability = installed_capability()
    missing = []
    if nvidia_driver() is None and capability is None:
        missing.append("no NVIDIA driver is loaded")
    elif capability is None and shutil.which("nvidia-smi"):
        missing.append("nvidia-smi tells of no GPU")
    package = missing_reason("tensorrt", "")
    if package is not None:
        missing.append("the package 'tensorrt' is not installed")
    if not installed_packages():
        missing.append("neither package 'pycuda' nor 'cuda-python' is installed")
    if capability is not None:
        versions = {"tensorrt": installed_release(), "cuda": installed_toolkit()}
        missing.extend(version_problems(capability, **versions))
    return tuple(missing)


def visible_gpus() -> tuple[tuple[int, str, Capability], ...]:
    """Return number, name and compute capability of each GPU that the driver sees.

    By nvidia-smi, which counts by place on the bus; nothing is loaded. Empty where it is absent.
    """
    told = _smi("--query-gpu=index,name,compute_cap", "--format=csv,noheader")
    rows = ([part.strip() for part in line.split(",")] for line in told.splitlines())
    return tuple(
        (int(row[0]), row[1], capability)
        for row in rows
        if len(row) == 3 and row[0].isdigit() and (capability := _capability(row[2])) is not None
    )


def installed_capability() -> Capability | None:
    """Return the compute capability of the first GPU that the driver sees, if it tells."""
    return next((capability for _, _, capability in visible_gpus()), None)


def limits_row(index: int, name: str, capability: Capability) -> dict[str, str]:
    """Return what a GPU runs and lacks, and what to install, as one row of texts."""
    limits = device_limits(capability)
    last = {limit.subject: limit.last for limit in limits if limit.last is not None}
    lacks = [limit.subject for limit in limits if not limit.supported]
    return {
        "gpu": str(index),
        "name": name,
        "capability": ".".join(map(str, capability)),
        "tensorrt": _up_to(last.get("tensorrt")),
        "cuda": _up_to(last.get("cuda")),
        "lacks": ", ".join(lacks) or "nothing",
        "install": install_line(capability),
    }


def _up_to(last: Release | None) -> str:
    return "any" if last is None else f"up to {last[0]}.{last[1]}"


def _capability(text: str) -> Capability | None:
    major, _, minor = text.partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def installed_release() -> Release | None:
    """Return the installed release of TensorRT without loading it."""
    for name in _DISTRIBUTIONS:
        try:
            return release_of(metadata.version(name))
        except (metadata.PackageNotFoundError, EngineUnavailableError):
            continue
    return None


def installed_toolkit() -> Release | None:
    """Return the CUDA release of cuda-python where that drives the GPU, without loading it."""
    if installed_packages()[:1] != ("cuda-python",):
        return None  # pycuda is built with the CUDA toolkit at hand
    try:
        major, minor = metadata.version("cuda-bindings").split(".")[:2]
    except (metadata.PackageNotFoundError, ValueError):
        return None
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def gpu_index(kind: str, index: int, device: str) -> int:
    """Return the number of a CUDA device.

    Raises:
        EngineBuildError: The device is the CPU.
    """
    if kind != "cuda":
        raise EngineBuildError(
            f"engine 'tensorrt' runs on cuda, not on {device!r}; write cuda:0, or use engine "
            "'onnxruntime' for the CPU"
        )
    return index


def _uuid_at(pci_bus: str) -> str:
    """Return the UUID of the GPU at a place, which pycuda does not tell."""
    told = _smi(f"--id={pci_bus}", "--query-gpu=uuid", "--format=csv,noheader").strip()
    return told.removeprefix("GPU-") or UNKNOWN


def _smi(*arguments: str) -> str:
    return _ask(os.environ.get("PATH", ""), *arguments)


@lru_cache(maxsize=16)
def _ask(path: str, *arguments: str) -> str:
    """Return what nvidia-smi prints, empty where it is absent or fails; asked once a process."""
    tool = shutil.which("nvidia-smi", path=path)
    return "" if tool is None else answer_of(tool, *arguments)
