"""The inputs and outputs of an engine, and the memory on the GPU that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..base import Array, Arrays
from ..errors import EngineBuildError, EngineInputError
from ..tensors import TensorInfo
from .api import Api
from .cuda import Buffer, Session, Stream
from .shapes import DYNAMIC

if TYPE_CHECKING:
    import tensorrt as trt


@dataclass(frozen=True, slots=True)
class Io:
    """Describe one input or output of an engine.

    Attributes:
        name: Its name.
        shape: Its shape, -1 where it is open.
        dtype: NumPy name of its element type in the engine.
        is_input: Whether it is an input.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    is_input: bool


def read_ios(api: Api, engine: trt.ICudaEngine) -> tuple[Io, ...]:
    """Describe the inputs and outputs.

    Raises:
        EngineBuildError: A tensor's values decide shapes, which has no place on the GPU.
    """
    modes = api.trt.TensorIOMode
    ios = []
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        if engine.is_shape_inference_io(name):
            raise EngineBuildError(
                f"the values of {name!r} decide shapes; give the model fixed shapes"
            )
        shape = tuple(engine.get_tensor_shape(name))
        dtype = np.dtype(api.trt.nptype(engine.get_tensor_dtype(name))).name
        ios.append(Io(name, shape, dtype, engine.get_tensor_mode(name) == modes.INPUT))
    open_inputs = any(DYNAMIC in io.shape for io in ios if io.is_input)
    for io in ios:
        if not io.is_input and DYNAMIC in io.shape and not open_inputs:
            raise EngineBuildError(
                f"the size of output {io.name!r} {io.shape} depends on the data; give the model "
                "outputs of fixed size and a count"
            )
    return tuple(ios)


def input_infos(examples: Arrays, ios: Sequence[Io]) -> tuple[TensorInfo, ...]:
    """Describe the inputs in the model's order; those that the engine leaves open fit any size."""
    shapes = {io.name: io.shape for io in ios if io.is_input}
    return tuple(
        TensorInfo(
            name,
            tuple(
                None if side == DYNAMIC else array.shape[i]
                for i, side in enumerate(shapes.get(name, array.shape))
            ),
            array.dtype.name,
        )
        for name, array in examples.items()
    )


def fitted(array: Array, io: Io) -> Array:
    """Return an array in the engine's element type.

    Raises:
        EngineInputError: A number does not fit, such as one beyond 32 bits in TensorRT 8.6.
    """
    if array.dtype.name == io.dtype:
        return array
    narrow = array.astype(io.dtype)
    if array.dtype.kind in "iu" and not np.array_equal(narrow, array):
        raise EngineInputError(f"input {io.name!r} holds numbers that do not fit {io.dtype}")
    return np.ascontiguousarray(narrow)


class Binding:
    """Hold the memory of one set of inputs and outputs."""

    def __init__(self, session: Session, ios: Sequence[Io], stream: Stream) -> None:
        self._session = session
        self._ios = ios
        self._stream = stream
        self._buffers: dict[str, tuple[int, Buffer]] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}

    def upload(self, context: trt.IExecutionContext, arrays: Arrays) -> None:
        """Copy the inputs to the GPU, make room for the outputs and bind both.

        Raises:
            EngineInputError: A shape lies outside the range that the engine was built for, or a
                number does not fit the engine's type.
        """
        kept = [fitted(arrays[io.name], io) for io in self._ios if io.is_input]
        inputs = [io for io in self._ios if io.is_input]
        for io, array in zip(inputs, kept, strict=True):
            self._shapes[io.name] = array.shape
            if not context.set_input_shape(io.name, tuple(array.shape)):
                raise EngineInputError(
                    f"input {io.name!r} has shape {array.shape}, which lies outside the sizes "
                    f"that the engine was built for ({io.shape}); build it with another BatchRange"
                )
            buffer = self._buffer(io.name, array.nbytes)
            if array.nbytes:
                self._session.upload(array, buffer, self._stream)
        for io in self._ios:
            if not io.is_input:
                self._shapes[io.name] = tuple(context.get_tensor_shape(io.name))
                self._buffer(io.name, self._size(io))
        self._stream.synchronize()  # the arrays may go
        self.use(context)

    def use(self, context: trt.IExecutionContext) -> None:
        """Bind this memory: another binding may have been used in between."""
        for io in self._ios:
            if io.is_input:
                context.set_input_shape(io.name, self._shapes[io.name])
            context.set_tensor_address(io.name, self._buffers[io.name][1].address)

    def download(self) -> dict[str, Array]:
        """Wait for the outputs and copy them to the host."""
        found: dict[str, Array] = {}
        for io in self._ios:
            if not io.is_input:
                array: Array = np.empty(self._shapes[io.name], io.dtype)
                if array.nbytes:
                    self._session.download(self._buffers[io.name][1], array, self._stream)
                found[io.name] = array
        self._stream.synchronize()
        return found

    def free(self) -> None:
        """Give the memory back; twice is fine."""
        for _, buffer in self._buffers.values():
            buffer.free()
        self._buffers.clear()

    def _size(self, io: Io) -> int:
        return int(np.prod(self._shapes[io.name], dtype=np.int64)) * np.dtype(io.dtype).itemsize

    def _buffer(self, name: str, size: int) -> Buffer:
        held = self._buffers.get(name)
        if held is not None and held[0] >= size:
            return held[1]
        if held is not None:
            held[1].free()
        buffer = self._session.allocate(size)
        self._buffers[name] = size, buffer
        return buffer
