"""CUDA by ``cuda-python``. The only module that imports ``cuda``; cuda-python 12.8 to 13."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from ..errors import EngineUnavailableError
from .cuda import Array, Buffer, Event, Gpu, Stream


def load() -> BindingsCuda:
    """Import ``cuda.bindings.runtime``."""
    return BindingsCuda(import_module("cuda.bindings.runtime"))


class CudaError(RuntimeError):
    """A call of CUDA failed."""


class BindingsCuda:
    """Drive GPUs by CUDA's runtime interface."""

    name = "cuda-python"

    def __init__(self, cudart: Any) -> None:
        self.cudart = cudart

    def count(self) -> int:
        """Return how many GPUs there are.

        Raises:
            EngineUnavailableError: There is no driver, or it is too old for the package.
        """
        try:
            return int(_checked(self.cudart, self.cudart.cudaGetDeviceCount()))
        except RuntimeError as error:  # cuda-python up to 12.8 raises it where no driver loads
            raise EngineUnavailableError(
                f"CUDA does not start ({error}); install or update the NVIDIA driver"
            ) from error

    def describe(self, index: int) -> Gpu:
        """Describe one GPU."""
        found = _checked(self.cudart, self.cudart.cudaGetDeviceProperties(index))
        driver = _checked(self.cudart, self.cudart.cudaDriverGetVersion())
        toolkit = _checked(self.cudart, self.cudart.cudaRuntimeGetVersion())
        place = _checked(self.cudart, self.cudart.cudaDeviceGetPCIBusId(32, index))
        return Gpu(
            name=_text(found.name),
            uuid=str(uuid.UUID(bytes=bytes(found.uuid.bytes)[:16])),
            pci_bus=_text(place).lower(),
            capability=(int(found.major), int(found.minor)),
            multiprocessors=int(found.multiProcessorCount),
            driver_cuda=release_of(driver),
            toolkit=release_of(toolkit),
        )

    def open(self, index: int) -> BindingsSession:
        """Open one GPU."""
        return BindingsSession(self.cudart, index)


class BindingsSession:
    """Hold one GPU; the runtime interface keeps its primary context itself."""

    def __init__(self, cudart: Any, index: int) -> None:
        self.cudart = cudart
        self._index = index

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make the GPU the calling thread's, and the former one again afterwards."""
        cudart = self.cudart
        before = _checked(cudart, cudart.cudaGetDevice())
        _checked(cudart, cudart.cudaSetDevice(self._index))
        try:
            yield
        finally:
            _checked(cudart, cudart.cudaSetDevice(before))

    def allocate(self, size: int) -> BindingsBuffer:
        """Return ``size`` bytes, at least one."""
        cudart = self.cudart
        address = _checked(cudart, cudart.cudaMalloc(max(size, 1)))
        return BindingsBuffer(cudart, int(address))

    def stream(self) -> BindingsStream:
        """Return a new stream that does not wait for the default one."""
        return BindingsStream(self.cudart)

    def event(self) -> BindingsEvent:
        """Return a new event that takes times."""
        return BindingsEvent(self.cudart)

    def upload(self, array: Array, buffer: Buffer, stream: Stream) -> None:
        """Queue a copy of a contiguous array to the GPU."""
        cudart = self.cudart
        kind = cudart.cudaMemcpyKind.cudaMemcpyHostToDevice
        made = cudart.cudaMemcpyAsync(
            buffer.address, array.ctypes.data, array.nbytes, kind, stream.handle
        )
        _checked(cudart, made)

    def download(self, buffer: Buffer, array: Array, stream: Stream) -> None:
        """Queue a copy from the GPU to a contiguous array."""
        cudart = self.cudart
        kind = cudart.cudaMemcpyKind.cudaMemcpyDeviceToHost
        made = cudart.cudaMemcpyAsync(
            array.ctypes.data, buffer.address, array.nbytes, kind, stream.handle
        )
        _checked(cudart, made)

    def close(self) -> None:
        """Do nothing: the context belongs to the process."""


class BindingsBuffer:
    """Hold memory from ``cudaMalloc``."""

    def __init__(self, cudart: Any, address: int) -> None:
        self.cudart = cudart
        self.address = address
        self._freed = False

    def free(self) -> None:
        """Give it back; twice is fine."""
        if not self._freed:
            self._freed = True
            _checked(self.cudart, self.cudart.cudaFree(self.address))


class BindingsStream:
    """Hold a ``cudaStream_t``."""

    def __init__(self, cudart: Any) -> None:
        self.cudart = cudart
        flags = cudart.cudaStreamNonBlocking
        self._stream = _checked(cudart, cudart.cudaStreamCreateWithFlags(flags))

    @property
    def handle(self) -> int:
        """Return the ``cudaStream_t`` as a number."""
        return int(self._stream)

    def synchronize(self) -> None:
        """Wait until all of it is done."""
        _checked(self.cudart, self.cudart.cudaStreamSynchronize(self._stream))

    def free(self) -> None:
        """Give it back; twice is fine."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            _checked(self.cudart, self.cudart.cudaStreamDestroy(stream))


class BindingsEvent:
    """Hold a ``cudaEvent_t``."""

    def __init__(self, cudart: Any) -> None:
        self.cudart = cudart
        self._event = _checked(cudart, cudart.cudaEventCreate())

    def record(self, stream: Stream) -> None:
        """Put the mark behind what is queued."""
        _checked(self.cudart, self.cudart.cudaEventRecord(self._event, stream.handle))

    def synchronize(self) -> None:
        """Wait until the stream has reached it."""
        _checked(self.cudart, self.cudart.cudaEventSynchronize(self._event))

    def ms_since(self, earlier: Event) -> float:
        """Return the milliseconds between two marks that were reached."""
        start = _own_event(earlier)
        return float(_checked(self.cudart, self.cudart.cudaEventElapsedTime(start, self._event)))

    def free(self) -> None:
        """Give it back; twice is fine."""
        if self._event is not None:
            event, self._event = self._event, None
            _checked(self.cudart, self.cudart.cudaEventDestroy(event))


def release_of(number: int) -> tuple[int, int]:
    """Split CUDA's own number of a release: 12040 is 12.4."""
    return number // 1000, number % 1000 // 10


def _own_event(event: Event) -> Any:
    if not isinstance(event, BindingsEvent):
        raise CudaError(f"cannot compare an event of cuda-python with a {type(event).__name__}")
    return event._event


def _checked(cudart: Any, made: tuple[Any, ...]) -> Any:
    """Return the result of a call, which comes behind its status.

    Raises:
        CudaError: The status is not success; the message is CUDA's.
    """
    status, *results = made
    if status != cudart.cudaError_t.cudaSuccess:
        _, text = cudart.cudaGetErrorString(status)
        raise CudaError(f"{getattr(status, 'name', status)}: {_text(text)}")
    return results[0] if results else None


def _text(found: Any) -> str:
    text = found.decode(errors="replace") if isinstance(found, bytes) else str(found)
    return text.partition("\0")[0]
