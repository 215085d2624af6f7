"""CUDA by ``pycuda``. The only module that imports it; pycuda 2024.1.2 and newer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from ..errors import EngineUnavailableError
from .cuda import Array, Buffer, Event, Gpu, Stream
from .cuda_by_bindings import CudaError, release_of


def load() -> PyCuda:
    """Import ``pycuda.driver``; not ``pycuda.autoinit``, which would open a GPU of its own."""
    return PyCuda(import_module("pycuda.driver"))


class PyCuda:
    """Drive GPUs by CUDA's driver interface, on their primary contexts as TensorRT does."""

    name = "pycuda"

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def count(self) -> int:
        """Return how many GPUs there are.

        Raises:
            EngineUnavailableError: There is no driver, or it is too old for the package.
        """
        try:
            self.driver.init()
            return int(self.driver.Device.count())
        except self.driver.Error as error:
            raise EngineUnavailableError(
                f"CUDA does not start ({error}); install or update the NVIDIA driver"
            ) from error

    def describe(self, index: int) -> Gpu:
        """Describe one GPU; pycuda does not tell its UUID."""
        self.driver.init()
        device = self.driver.Device(index)
        attributes = self.driver.device_attribute
        major, minor = device.compute_capability()
        toolkit = self.driver.get_version()
        return Gpu(
            name=str(device.name()),
            uuid="",
            pci_bus=str(device.pci_bus_id()).lower(),
            capability=(int(major), int(minor)),
            multiprocessors=int(device.get_attribute(attributes.MULTIPROCESSOR_COUNT)),
            driver_cuda=release_of(int(self.driver.get_driver_version())),
            toolkit=(int(toolkit[0]), int(toolkit[1])),
        )

    def open(self, index: int) -> PyCudaSession:
        """Open one GPU."""
        self.driver.init()
        return PyCudaSession(self.driver, self.driver.Device(index))


class PyCudaSession:
    """Hold the primary context of one GPU."""

    def __init__(self, driver: Any, device: Any) -> None:
        self.driver = driver
        self._context = device.retain_primary_context()

    @contextmanager
    def current(self) -> Iterator[None]:
        """Put the context on the calling thread's stack for a while."""
        if self._context is None:
            raise CudaError("the session is closed")
        self._context.push()
        try:
            yield
        finally:
            self.driver.Context.pop()

    def allocate(self, size: int) -> PyCudaBuffer:
        """Return ``size`` bytes, at least one."""
        return PyCudaBuffer(self.driver.mem_alloc(max(size, 1)))

    def stream(self) -> PyCudaStream:
        """Return a new stream that does not wait for the default one."""
        return PyCudaStream(self.driver)

    def event(self) -> PyCudaEvent:
        """Return a new event that takes times."""
        return PyCudaEvent(self.driver)

    def upload(self, array: Array, buffer: Buffer, stream: Stream) -> None:
        """Queue a copy of a contiguous array to the GPU."""
        self.driver.memcpy_htod_async(buffer.address, array, _own_stream(stream))

    def download(self, buffer: Buffer, array: Array, stream: Stream) -> None:
        """Queue a copy from the GPU to a contiguous array."""
        self.driver.memcpy_dtoh_async(array, buffer.address, _own_stream(stream))

    def close(self) -> None:
        """Let go of the context, which pycuda then releases; twice is fine."""
        self._context = None


class PyCudaBuffer:
    """Hold a ``DeviceAllocation``."""

    def __init__(self, allocation: Any) -> None:
        self.address = int(allocation)
        self._allocation = allocation

    def free(self) -> None:
        """Give it back; twice is fine."""
        if self._allocation is not None:
            allocation, self._allocation = self._allocation, None
            allocation.free()


class PyCudaStream:
    """Hold a stream, which ends with the last reference to it."""

    def __init__(self, driver: Any) -> None:
        self._stream = driver.Stream(_NON_BLOCKING)

    @property
    def handle(self) -> int:
        """Return the ``CUstream`` as a number."""
        return int(self._stream.handle)

    def synchronize(self) -> None:
        """Wait until all of it is done."""
        self._stream.synchronize()

    def free(self) -> None:
        """Give it back; twice is fine."""
        self._stream = None


class PyCudaEvent:
    """Hold an event, which ends with the last reference to it."""

    def __init__(self, driver: Any) -> None:
        self._event = driver.Event()

    def record(self, stream: Stream) -> None:
        """Put the mark behind what is queued."""
        self._event.record(_own_stream(stream))

    def synchronize(self) -> None:
        """Wait until the stream has reached it."""
        self._event.synchronize()

    def ms_since(self, earlier: Event) -> float:
        """Return the milliseconds between two marks that were reached."""
        if not isinstance(earlier, PyCudaEvent):
            raise CudaError(f"cannot compare an event of pycuda with a {type(earlier).__name__}")
        return float(self._event.time_since(earlier._event))

    def free(self) -> None:
        """Give it back; twice is fine."""
        self._event = None


_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING in cuda.h; pycuda has no name for it


def _own_stream(stream: Stream) -> Any:
    if not isinstance(stream, PyCudaStream):
        raise CudaError(f"cannot use a {type(stream).__name__} with pycuda")
    return stream._stream
