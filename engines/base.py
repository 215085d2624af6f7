"""The contract of the room: what an engine is built from, what builds it, what it can do."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy.typing as npt

from ._files import write_atomically
from .closing import Closing
from .device import DeviceInfo
from .errors import EngineBuildError, EngineRunError, foreign_errors
from .measurement import Measurement
from .measuring import measure_interleaved
from .protocol import PRECISIONS, TimingProtocol
from .tensors import TensorInfo, check_arrays
from .timing import Timer

if TYPE_CHECKING:
    import torch
    from typing_extensions import Self

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]


class Model(Protocol):
    """What an engine is built from; every backend asks for the form that it needs."""

    @property
    def name(self) -> str:
        """Return a name for messages and files."""

    @property
    def macs(self) -> int:
        """Return the multiply-adds of one run, 0 if unknown."""

    def example_inputs(self) -> dict[str, Array]:
        """Return one array per input, in the order in which the model takes them."""

    def torch_module(self) -> torch.nn.Module:
        """Return the module in eval mode; it takes the inputs in order, by position."""

    def onnx_bytes(self) -> bytes:
        """Return the serialised ONNX model."""


@runtime_checkable
class NamedOutputs(Protocol):
    """A model that knows the names of its outputs without being exported."""

    @property
    def output_names(self) -> Sequence[str]:
        """Return the names in the order of the outputs; empty if it does not know them."""


@runtime_checkable
class CutModel(Protocol):
    """A part of a larger model: some of its inputs and outputs are maps inside of that."""

    @property
    def inner_tensors(self) -> frozenset[str]:
        """Return inputs and outputs ``(n, c, h, w)`` that are none of the larger model.

        An engine may hold them in the layout that they have inside, so that a part costs what it
        costs there. :meth:`Engine.run` takes and gives them as ``(n, c, h, w)`` all the same.
        """


class Engine(Protocol):
    """A model made ready to run on one device."""

    @property
    def device(self) -> DeviceInfo:
        """Return what it runs on."""

    @property
    def precision(self) -> str:
        """Return the precision that it was built for."""

    @property
    def threads(self) -> int:
        """Return the CPU threads that it was built for."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """Return the names of the inputs, in order."""

    @property
    def output_names(self) -> tuple[str, ...]:
        """Return the names of the outputs, in order."""

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Run once, host arrays to host arrays."""

    def timer(self, inputs: Arrays | None = None) -> Timer:
        """Return a function that runs ``n`` times back to back and returns the total in ms."""

    def measure(self, protocol: TimingProtocol, inputs: Arrays | None = None) -> Measurement:
        """Measure the latency."""

    def save(self, path: Path) -> Path:
        """Write the engine as the vendor's own tools read it."""

    def close(self) -> None:
        """Free what it holds."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Backend(Protocol):
    """A way to build engines."""

    @property
    def name(self) -> str:
        """Return the name on the command line."""

    def unavailable_reason(self) -> str | None:
        """Return why it cannot be used here and what to do about it; None if it can.

        Quick: whether the package is installed, not whether it loads; :meth:`probe` tries that.
        """

    def probe(self, device: str = "cpu") -> DeviceInfo:
        """Load the runtime and describe a device as the engines built for it do.

        Raises:
            EngineUnavailableError: The runtime is missing or does not load, or there is no such
                device.
            EngineBuildError: The engine does not run on such a device.
        """

    def build(
        self, model: Model, *, precision: str = "fp32", threads: int = 1, device: str = "cpu"
    ) -> Engine:
        """Build an engine.

        Raises:
            EngineError: It cannot be built like this; the message says why.
        """


class EngineBase(Closing):
    """Check, name and time what a backend's engine runs.

    A backend's engine implements :meth:`_run`, :meth:`_timer` and :meth:`_serialise`, and frees
    its resources in :meth:`_close` where it has any.

    Args:
        device: What it runs on.
        precision: Precision that it was built for.
        threads: CPU threads that it was built for.
        examples: An array for every input, in order; what :meth:`measure` uses by default.
        inputs: What the inputs must look like; taken from ``examples`` if None.
        output_names: Names of the outputs, in order.

    Attributes:
        warnings: What the runtime warned of while it built the engine, or did not do as asked.
    """

    warnings: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        device: DeviceInfo,
        precision: str,
        threads: int,
        examples: Arrays,
        output_names: Sequence[str],
        inputs: Sequence[TensorInfo] | None = None,
    ) -> None:
        self.device = device
        self.precision = precision
        self.threads = threads
        self.output_names = tuple(output_names)
        self._inputs = TensorInfo.of(examples) if inputs is None else tuple(inputs)
        self._examples = check_arrays(self._inputs, examples)
        self._closed = False

    @property
    def input_names(self) -> tuple[str, ...]:
        """Return the names of the inputs, in order."""
        return tuple(info.name for info in self._inputs)

    def run(self, inputs: Arrays) -> dict[str, Array]:
        """Run once, host arrays to host arrays; ``inputs`` are left as they are.

        Raises:
            EngineInputError: The arrays do not fit; the message names the input.
            EngineRunError: The runtime failed, for example for want of memory.
            EngineBuildError: The engine is closed.
        """
        self._check_open()
        arrays = check_arrays(self._inputs, inputs)
        with self._running():
            return self._run(arrays)

    def timer(self, inputs: Arrays | None = None) -> Timer:
        """Return a function that runs ``n`` times back to back and returns the total in ms.

        The inputs are put on the device once, before; see :class:`TimingProtocol` for what is
        timed.

        Raises:
            EngineInputError: The arrays do not fit; the message names the input.
            EngineRunError: The runtime failed; the returned function raises it too.
            EngineBuildError: The engine is closed; the returned function raises it too.
        """
        self._check_open()
        arrays = self._examples if inputs is None else check_arrays(self._inputs, inputs)
        with self._running():
            inner = self._timer(arrays)

        def timer(runs: int) -> float:
            self._check_open()
            with self._running():  # outside the clock, which runs in the backend's own timer
                return inner(runs)

        return timer

    def measure(self, protocol: TimingProtocol, inputs: Arrays | None = None) -> Measurement:
        """Measure the latency of this engine alone.

        Args:
            protocol: How; its threads and precision must be those of the engine.
            inputs: Arrays to run on; the model's example inputs if None.

        Raises:
            MeasurementError: The engine was built for other threads or another precision.
            EngineInputError: The arrays do not fit; the message names the input.
            EngineRunError: The runtime failed.
        """
        return measure_interleaved([self], protocol, [inputs])[0]

    def save(self, path: Path) -> Path:
        """Write the engine to ``path`` as the vendor's own tools read it, atomically.

        Raises:
            EngineBuildError: The engine cannot be written, there, or at all.
        """
        self._check_open()
        failed = f"{self.device.engine} cannot save this model"
        with foreign_errors(EngineBuildError, failed):
            files = self._files(Path(path))
        for file, content in files.items():
            write_atomically(file, content)
        return Path(path)

    def close(self) -> None:
        """Free what the engine holds; it cannot be used afterwards."""
        if not self._closed:
            self._closed = True
            self._close()

    def _running(self) -> AbstractContextManager[None]:
        return foreign_errors(EngineRunError, f"{self.device.engine} failed to run the model")

    def _check_open(self) -> None:
        if self._closed:
            raise EngineBuildError("the engine is closed; build a new one")

    @abstractmethod
    def _run(self, arrays: dict[str, Array]) -> dict[str, Array]:
        """Run once on checked arrays."""

    @abstractmethod
    def _timer(self, arrays: dict[str, Array]) -> Timer:
        """Prepare to run on checked arrays and return the timer.

        Whatever the runtime raises here, in the timer or in :meth:`_run` becomes
        :class:`EngineRunError`.
        """

    @abstractmethod
    def _serialise(self) -> bytes:
        """Return the content of the engine's file."""

    def _files(self, path: Path) -> dict[Path, bytes]:
        """Return every file that saving to ``path`` writes, ``path`` itself last."""
        return {path: self._serialise()}

    def _close(self) -> None:  # optional: most engines hold nothing but memory
        """Free what the engine holds."""


def check_build(
    backend: str, precision: str, threads: int, supported: Sequence[str] = PRECISIONS
) -> None:
    """Check the arguments of ``Backend.build`` that every backend takes.

    Raises:
        EngineBuildError: The precision is not among ``supported``, or threads is not an int >= 1.
    """
    if precision not in supported:
        raise EngineBuildError(
            f"engine {backend!r} builds {', '.join(supported)}, not precision {precision!r}"
        )
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise EngineBuildError(f"threads must be an int >= 1, got {threads!r}")


def output_names_of(model: Model, count: int | None = None) -> tuple[str, ...]:
    """Return the model's own output names, else ``output`` or ``output_0``, ``output_1``, ...

    Raises:
        EngineBuildError: The model names another number of outputs than it has.
    """
    names = tuple(model.output_names) if isinstance(model, NamedOutputs) else ()
    if names and count is not None and len(names) != count:
        raise EngineBuildError(
            f"model {model.name!r} names {len(names)} outputs ({', '.join(names)}) "
            f"but gives {count}"
        )
    return names or default_output_names(count or 1)


def inner_tensors_of(model: Model) -> frozenset[str]:
    """Return the names of a model's inner tensors; none unless it is a :class:`CutModel`."""
    return model.inner_tensors if isinstance(model, CutModel) else frozenset()


def default_output_names(count: int) -> tuple[str, ...]:
    """Return ``("output",)`` for one output, ``("output_0", "output_1", ...)`` for several."""
    return ("output",) if count == 1 else tuple(f"output_{index}" for index in range(count))
