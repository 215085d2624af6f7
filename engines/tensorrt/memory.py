"""The inputs and outputs of an engine, and the memory on the GPU that holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..base import Array, Arrays
from ..errors import EngineBuildError, EngineInputError, EngineRunError
from ..tensors import TensorInfo
from .api import Api
from .cuda import Buffer, Session, Stream
from .outputs import GrowingOutputs
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
    return tuple(ios)


def check_ios(ios: Sequence[Io], examples: Arrays, outputs: Mapping[str, str]) -> None:
    """Check that an engine takes and gives what its model does.

    An input that no layer reads may be missing in the engine.

    Raises:
        EngineBuildError: It is the engine of another model, or of other sizes.
    """
    given = {name: array.shape for name, array in examples.items()}
    taken = {io.name: io.shape for io in ios if io.is_input}
    if not all(_fits(shape, given.get(name)) for name, shape in taken.items()):
        raise EngineBuildError(
            f"the engine takes {_listed(taken)}, the model {_listed(given)}: it is the engine of "
            "another model; build it anew"
        )
    made = [io.name for io in ios if not io.is_input]
    if set(made) != set(outputs):
        raise EngineBuildError(
            f"the engine gives {', '.join(made)}, the model gives {', '.join(outputs)}: it is "
            "the engine of another model; build it anew"
        )


def _fits(engine: tuple[int, ...], array: tuple[int, ...] | None) -> bool:
    if array is None or len(engine) != len(array):
        return False
    return all(side in (DYNAMIC, got) for side, got in zip(engine, array, strict=True))


def _listed(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name!r} of {shape}" for name, shape in shapes.items()) or "nothing"


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
    """Hold the memory of one set of inputs and outputs.

    Args:
        api: What drives the installed release.
        session: The GPU; must be current wherever this is used.
        ios: Inputs and outputs of the engine.
        stream: Where copies are queued.
    """

    def __init__(self, api: Api, session: Session, ios: Sequence[Io], stream: Stream) -> None:
        self._session = session
        self._ios = ios
        self._stream = stream
        self._buffers: dict[str, tuple[int, Buffer]] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._growing = GrowingOutputs(api.trt, session)
        self._open: set[str] = set()  # outputs whose size the run decides

    def upload(self, context: trt.IExecutionContext, arrays: Arrays) -> None:
        """Copy the inputs to the GPU, make room for the outputs and bind both.

        Raises:
            EngineInputError: A shape lies outside the range that the engine was built for, or a
                number does not fit the engine's type.
        """
        inputs = [io for io in self._ios if io.is_input]
        kept = [fitted(arrays[io.name], io) for io in inputs]
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
        self._make_room(context)
        self._stream.synchronize()  # the arrays may go
        self.use(context)

    def _make_room(self, context: trt.IExecutionContext) -> None:
        """Allocate the outputs of known size; the others ask for their memory while they run."""
        self._open.clear()
        for io in self._ios:
            if io.is_input:
                continue
            shape = tuple(context.get_tensor_shape(io.name))  # -1: the data decides
            if DYNAMIC in shape:
                self._open.add(io.name)
            else:
                self._shapes[io.name] = shape
                self._buffer(io.name, _bytes_of(shape, io))

    def use(self, context: trt.IExecutionContext) -> None:
        """Bind this memory: another binding may have been used in between."""
        for io in self._ios:
            if io.name in self._open:
                context.set_output_allocator(io.name, self._growing.allocator)
                continue
            if io.is_input:
                context.set_input_shape(io.name, self._shapes[io.name])
            context.set_tensor_address(io.name, self._buffers[io.name][1].address)

    @property
    def failure(self) -> Exception | None:
        """Return why an output got no memory while it ran, if that is what happened."""
        return self._growing.failure

    def download(self) -> dict[str, Array]:
        """Wait for the outputs and copy them to the host.

        Raises:
            EngineRunError: TensorRT did not tell the size of an output.
        """
        found: dict[str, Array] = {}
        for io in self._ios:
            if not io.is_input:
                array: Array = np.empty(self._shape_of(io.name), io.dtype)
                if array.nbytes:
                    self._session.download(self._memory_of(io.name), array, self._stream)
                found[io.name] = array
        self._stream.synchronize()
        return found

    def free(self) -> None:
        """Give the memory back; twice is fine."""
        for _, buffer in self._buffers.values():
            buffer.free()
        self._buffers.clear()
        self._growing.free()

    def _shape_of(self, name: str) -> tuple[int, ...]:
        shape = self._growing.shapes.get(name) if name in self._open else self._shapes[name]
        if shape is None:
            raise EngineRunError(f"TensorRT did not tell the size of output {name!r}")
        return shape

    def _memory_of(self, name: str) -> Buffer:
        return self._growing.buffer(name) if name in self._open else self._buffers[name][1]

    def _buffer(self, name: str, size: int) -> Buffer:
        held = self._buffers.get(name)
        if held is not None and held[0] >= size:
            return held[1]
        if held is not None:
            held[1].free()
        buffer = self._session.allocate(size)
        self._buffers[name] = size, buffer
        return buffer


def _bytes_of(shape: Sequence[int], io: Io) -> int:
    return int(np.prod(shape, dtype=np.int64)) * np.dtype(io.dtype).itemsize
