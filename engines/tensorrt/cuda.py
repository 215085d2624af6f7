"""The little of CUDA that an engine needs, as a protocol: two packages provide it.

``pycuda`` drives the GPU by CUDA's driver interface; it comes as source and needs a CUDA toolkit
to build. ``cuda-python`` uses the runtime interface and comes as wheels; NVIDIA's own samples use
it since TensorRT 10.14. Both share the GPU's primary context with TensorRT.
"""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy.typing as npt

from .._imports import load, missing_reason
from ..errors import EngineUnavailableError

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Gpu:
    """Describe a GPU as CUDA sees it.

    Attributes:
        name: What NVIDIA calls it.
        uuid: The board's own, without ``GPU-``; empty where the package does not tell it.
        pci_bus: Its place, such as ``0000:3b:00.0``.
        capability: Major and minor compute capability.
        multiprocessors: Number of streaming multiprocessors.
        driver_cuda: Newest CUDA release that the driver supports.
        toolkit: CUDA release of the package that answers.
    """

    name: str
    uuid: str
    pci_bus: str
    capability: tuple[int, int]
    multiprocessors: int
    driver_cuda: tuple[int, int]
    toolkit: tuple[int, int]


class Buffer(Protocol):
    """Memory on the GPU."""

    @property
    def address(self) -> int:
        """Return where it begins."""

    def free(self) -> None:
        """Give it back; twice is fine."""


class Stream(Protocol):
    """A queue of work on the GPU."""

    @property
    def handle(self) -> int:
        """Return the ``cudaStream_t`` as a number."""

    def synchronize(self) -> None:
        """Wait until all of it is done."""

    def free(self) -> None:
        """Give it back; twice is fine."""


class Event(Protocol):
    """A mark in a stream whose time can be read."""

    def record(self, stream: Stream) -> None:
        """Put the mark behind what is queued."""

    def synchronize(self) -> None:
        """Wait until the stream has reached it."""

    def ms_since(self, earlier: Event) -> float:
        """Return the milliseconds between two marks that were reached."""

    def free(self) -> None:
        """Give it back; twice is fine."""


class Session(Protocol):
    """One GPU, opened; everything below happens inside :meth:`current`."""

    def current(self) -> AbstractContextManager[None]:
        """Make the GPU the calling thread's."""

    def allocate(self, size: int) -> Buffer:
        """Return ``size`` bytes, at least one."""

    def stream(self) -> Stream:
        """Return a new stream that does not wait for the default one."""

    def event(self) -> Event:
        """Return a new event that takes times."""

    def upload(self, array: Array, buffer: Buffer, stream: Stream) -> None:
        """Queue a copy of a contiguous array to the GPU."""

    def download(self, buffer: Buffer, array: Array, stream: Stream) -> None:
        """Queue a copy from the GPU to a contiguous array."""

    def close(self) -> None:
        """Leave the GPU; twice is fine."""


class Cuda(Protocol):
    """A package that drives GPUs."""

    @property
    def name(self) -> str:
        """Return what pip calls it."""

    def count(self) -> int:
        """Return how many GPUs there are.

        Raises:
            EngineUnavailableError: CUDA does not start, for want of a driver for example.
        """

    def describe(self, index: int) -> Gpu:
        """Describe one GPU."""

    def open(self, index: int) -> Session:
        """Open one GPU."""


@dataclass(frozen=True, slots=True)
class CudaPackage:
    """Name a package: its import name, our module that uses it, and how to install it."""

    module: str
    ours: str
    install: str


# In order of preference: whoever went to the trouble of building pycuda wants it.
PACKAGES = {
    "pycuda": CudaPackage("pycuda", "cuda_by_pycuda", "'detfit[pycuda]'"),
    "cuda-python": CudaPackage("cuda", "cuda_by_bindings", "'cuda-python>=12.8,<14'"),
}


def installed_packages() -> tuple[str, ...]:
    """Return the names of the packages that are installed; loads none of them."""
    return tuple(name for name, package in PACKAGES.items() if _is_installed(package.module))


def load_cuda(name: str | None = None) -> Cuda:
    """Load the named package, or the first that is installed.

    Raises:
        EngineUnavailableError: There is no such package, or it does not load.
    """
    if name is not None and name not in PACKAGES:
        raise EngineUnavailableError(
            f"no package {name!r} drives CUDA here; write one of {', '.join(PACKAGES)}"
        )
    chosen = name or next(iter(installed_packages()), "cuda-python")
    package = PACKAGES[chosen]
    load(_PROBES[chosen], package.module, package.install)
    module = importlib.import_module(f".{package.ours}", __package__)
    return cast("Cuda", module.load())


# What has to load for a package to work.
_PROBES = {"pycuda": "pycuda.driver", "cuda-python": "cuda.bindings.runtime"}


def _is_installed(module: str) -> bool:
    probe = "cuda.bindings" if module == "cuda" else module
    return missing_reason(module, "") is None and missing_reason(probe, "") is None
