"""Run, time and profile a TensorRT engine."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING, Any

from ..base import Array, Arrays, EngineBase
from ..device import DeviceInfo
from ..errors import EngineBuildError, EngineRunError
from ..keeping import CALIBRATION_CACHE, TIMING_CACHE
from ..layer_times import LayerTime
from ..tensors import check_arrays
from ..timing import Timer
from .api import Api
from .attribution import nodes_by_layer
from .builder import Plan
from .cuda import Event, Session
from .logger import Messages
from .memory import Binding, check_ios, input_infos, read_ios
from .profiler import make_profiler

if TYPE_CHECKING:
    import tensorrt as trt

PROFILE_RUNS = 20
PROFILE_WARMUP_RUNS = 5


class TensorRtEngine(EngineBase):
    """Run a plan on one GPU: one execution context, one stream.

    Inputs and outputs have the types of the ONNX model, also where the engine has others
    (TensorRT 8.6 computes int64 as int32).

    Args:
        api: What drives the installed release.
        session: The GPU; closed with the engine.
        logger: TensorRT's logger.
        messages: What it writes to.
        plan: The built engine.
        device: What the GPU is.
        precision: Precision that it was built for.
        threads: Recorded only: the GPU runs it.
        examples: An array for every input.

    Attributes:
        timing_cache: The timing cache after the build; None if none was pinned. To build the next
            engine with it, save it and pin it by its SHA-256.
        warnings: What TensorRT warned of while it built or loaded the engine.

    Raises:
        EngineBuildError: The plan does not load, or is of another model.
    """

    def __init__(
        self,
        api: Api,
        session: Session,
        logger: Any,
        messages: Messages,
        plan: Plan,
        *,
        device: DeviceInfo,
        precision: str,
        threads: int,
        examples: Arrays,
    ) -> None:
        self._api = api
        self._session = session
        self._logger = logger  # TensorRT does not keep it alive
        self._messages = messages
        self._plan = plan
        self._output_dtypes = plan.record.output_dtypes
        with session.current():
            engine = load_plan(api, logger, messages, plan.content)
            self._ios = read_ios(api, engine)
            check_ios(self._ios, examples, self._output_dtypes)
            context: trt.IExecutionContext = engine.create_execution_context()
            self._stream = session.stream()
        self._engine: Any = engine
        self._context: Any = context
        self._own: Binding | None = None
        self._bound: Binding | None = None  # what the context runs on
        self._held: list[Binding | Event] = []  # by timers; given back on closing
        self.timing_cache = plan.cache
        self.warnings = tuple(messages.warnings)
        super().__init__(
            device=device,
            precision=precision,
            threads=threads,
            examples=examples,
            output_names=tuple(self._output_dtypes),
            inputs=input_infos(examples, self._ios),
        )

    @property
    def build_record(self) -> Mapping[str, str]:
        """Return what the plan was built from and how, as :class:`BuildRecord` has it."""
        return self._plan.record.to_texts()

    @property
    def build_files(self) -> Mapping[str, bytes]:
        """Return by name what building the same engine again takes besides the model."""
        cache = b"" if self._plan.cache is None else self._plan.cache.content
        found = {TIMING_CACHE: cache, CALIBRATION_CACHE: self._plan.calibration}
        return {name: content for name, content in found.items() if content}

    def layer_times(
        self, inputs: Arrays | None = None, *, runs: int = PROFILE_RUNS
    ) -> tuple[LayerTime, ...]:
        """Return the median time of every layer, in the order in which they run.

        Layers are timed one by one, which takes longer than a run: their sum is more than the
        latency. :func:`attribute` brings them back to modules.

        Args:
            inputs: Arrays to run on; the model's example inputs if None.
            runs: Timed runs.

        Raises:
            EngineInputError: The arrays do not fit.
            EngineRunError: The runtime failed, or reports no layers.
        """
        self._check_open()
        arrays = self._checked(inputs)
        with self._running(), self._session.current():
            samples, information = self._profile(arrays, max(runs, 1))
        if not samples:
            raise EngineRunError("TensorRT reports no layer times for this engine")
        nodes = nodes_by_layer(information, samples, _node_names(self._plan.onnx))
        return tuple(LayerTime(name, median(ms), nodes[name]) for name, ms in samples.items())

    def _checked(self, inputs: Arrays | None) -> dict[str, Array]:
        return self._examples if inputs is None else check_arrays(self._inputs, inputs)

    def _profile(self, arrays: Arrays, runs: int) -> tuple[dict[str, list[float]], str]:
        """Return the samples of each layer, and what the engine tells about its layers."""
        engine: trt.ICudaEngine = self._engine
        # A context of its own: a profiler cannot be taken off again, and slows every run.
        context: trt.IExecutionContext = engine.create_execution_context()
        profiler = make_profiler(self._api.trt)
        context.profiler = profiler
        with ExitStack() as stack:
            binding = Binding(self._api, self._session, self._ios, self._stream)
            stack.callback(binding.free)
            binding.upload(context, arrays)
            for run in range(PROFILE_WARMUP_RUNS + runs):
                if run == PROFILE_WARMUP_RUNS:
                    profiler.samples.clear()
                profiler.begin_run()
                self._enqueue(context, binding)
                self._stream.synchronize()
        inspector: trt.EngineInspector = engine.create_engine_inspector()
        inspector.execution_context = context
        information = inspector.get_engine_information(self._api.trt.LayerInformationFormat.JSON)
        return dict(profiler.samples), str(information or "")

    def _run(self, arrays: dict[str, Array]) -> dict[str, Array]:
        with self._session.current():
            if self._own is None:
                self._own = Binding(self._api, self._session, self._ios, self._stream)
                self._held.append(self._own)
            self._bound = None  # should the upload fail half-way
            self._own.upload(self._context, arrays)
            self._bound = self._own
            self._enqueue(self._context, self._own)
            outputs = self._own.download()
        return {name: outputs[name].astype(kind) for name, kind in self._output_dtypes.items()}

    def _timer(self, arrays: dict[str, Array]) -> Timer:
        """Time on the GPU's own clock, from an idle queue to an empty one."""
        session, stream = self._session, self._stream
        context: trt.IExecutionContext = self._context
        with session.current():
            binding = Binding(self._api, session, self._ios, stream)
            start, end = session.event(), session.event()
            self._held.extend((binding, start, end))
            self._bound = None
            binding.upload(context, arrays)

        def timer(runs: int) -> float:
            with session.current():
                self._bind(binding)
                handle, succeeded = stream.handle, True
                stream.synchronize()
                start.record(stream)
                for _ in range(runs):
                    succeeded &= context.execute_async_v3(handle)
                end.record(stream)
                end.synchronize()
                if not succeeded:
                    raise self._failed(binding)
                return end.ms_since(start)

        return timer

    def _bind(self, binding: Binding) -> None:
        """Have the context run on a binding, once outside the clock if it ran on another.

        The first run after a change of shapes also updates the context (NVIDIA's developer guide,
        CUDA graphs: "call enqueueV3 once after an input shape change to update internal state").
        """
        if self._bound is binding:
            return
        self._bound = None
        binding.use(self._context)
        self._enqueue(self._context, binding)
        self._bound = binding

    def _enqueue(self, context: trt.IExecutionContext, binding: Binding) -> None:
        if not context.execute_async_v3(self._stream.handle):
            raise self._failed(binding)

    def _failed(self, binding: Binding) -> EngineRunError:
        reason = str(binding.failure or self._messages.told())
        return EngineRunError(f"TensorRT failed to run the model: {reason}")

    def _serialise(self) -> bytes:
        """Return the plan, byte for byte as TensorRT made it."""
        return self._plan.content

    def _close(self) -> None:
        with self._session.current():
            for held in self._held:
                held.free()
            self._stream.free()
            self._held.clear()
            self._own = self._bound = None
            self._context = self._engine = None  # in this order: the context needs the engine
        self._session.close()


def load_plan(api: Api, logger: Any, messages: Messages, content: bytes) -> trt.ICudaEngine:
    """Load a plan; the session must be current.

    Raises:
        EngineBuildError: It was built by another TensorRT, or for another GPU, or is no plan.
    """
    api.trt.init_libnvinfer_plugins(logger, "")  # RoIAlign is a plugin, also in a plan
    runtime: trt.Runtime = api.trt.Runtime(logger)
    engine: trt.ICudaEngine | None = runtime.deserialize_cuda_engine(content)
    if engine is None:
        raise EngineBuildError(f"TensorRT {api.version} cannot load the plan: {messages.told()}")
    return engine


def _node_names(content: bytes) -> tuple[str, ...]:
    """Return the names of a model's nodes; none of a plan that came without its model."""
    if not content:
        return ()
    import onnx

    return tuple(node.name for node in onnx.load_from_string(content).graph.node)
