"""Memory for outputs whose size only a run decides, as of ``NonMaxSuppression`` or ``NonZero``.

TensorRT asks for such memory while it runs (``IOutputAllocator``, NVIDIA/TensorRT
include/NvInferRuntime.h): ``reallocate_output`` up to 8.6, ``reallocate_output_async`` from 10 on,
where the former is deprecated. detfit's own detectors have outputs of fixed size and need none of
this; models of others do.
"""

from __future__ import annotations

from typing import Any

from .cuda import Buffer, Session


class GrowingOutputs:
    """Hold memory that grows as the outputs of runs do.

    Args:
        trt: The module ``tensorrt``.
        session: The GPU; must be current while an engine runs.

    Attributes:
        allocator: What an execution context asks.
        shapes: Sizes of the outputs of the last run, by name.
        failure: Why there was no memory; TensorRT itself only fails the run.
    """

    def __init__(self, trt: Any, session: Session) -> None:
        self._session = session
        self._buffers: dict[str, tuple[int, Buffer]] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.failure: Exception | None = None
        self.allocator = make_allocator(trt, self)

    def address(self, name: str, size: int) -> int:
        """Return where ``size`` bytes for an output are; 0 where there is no memory for them."""
        held = self._buffers.get(name)
        if held is not None and held[0] >= size:
            return held[1].address
        try:
            buffer = self._session.allocate(size)
            if held is not None:
                held[1].free()
        except Exception as error:  # TensorRT would print it; raised again after the run
            self.failure = error
            return 0
        self._buffers[name] = size, buffer
        return buffer.address

    def buffer(self, name: str) -> Buffer:
        """Return the memory of an output that was asked for."""
        return self._buffers[name][1]

    def free(self) -> None:
        """Give the memory back; twice is fine."""
        for _, buffer in self._buffers.values():
            buffer.free()
        self._buffers.clear()


def make_allocator(trt: Any, outputs: GrowingOutputs) -> Any:
    """Return an ``IOutputAllocator`` that asks and tells ``outputs``."""
    base: Any = trt.IOutputAllocator

    class Allocator(base):  # type: ignore[misc]
        def __init__(self) -> None:
            base.__init__(self)

        def reallocate_output(
            self, tensor_name: str, memory: int, size: int, alignment: int
        ) -> int:
            return outputs.address(tensor_name, size)

        def reallocate_output_async(
            self, tensor_name: str, memory: int, size: int, alignment: int, stream: int
        ) -> int:
            return outputs.address(tensor_name, size)

        def notify_shape(self, tensor_name: str, shape: Any) -> None:
            outputs.shapes[tensor_name] = tuple(shape)

    return Allocator()
