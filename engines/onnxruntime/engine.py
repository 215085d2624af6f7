"""Run and time one onnxruntime session. The only module that imports onnxruntime."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from ..base import Array, Arrays, EngineBase
from ..device import DeviceInfo
from ..errors import EngineBuildError, foreign_errors
from ..layer_times import LayerTime
from ..tensors import TensorInfo, check_arrays
from ..timing import Timer
from .profiling import WARMUP_RUNS, layer_times, node_times

VERSION: str = onnxruntime.__version__
_ERRORS_ONLY = 3
_OPTIMISED = "optimised.onnx"
PROFILE_RUNS = 20
_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(int16)": "int16",
    "tensor(int8)": "int8",
    "tensor(uint64)": "uint64",
    "tensor(uint32)": "uint32",
    "tensor(uint16)": "uint16",
    "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
}


def make_session(
    content: bytes, threads: int, name: str, profile: Path | None = None
) -> onnxruntime.InferenceSession:
    """Load an ONNX model with every optimisation and exactly ``threads`` threads.

    Args:
        content: The serialised model.
        threads: Inside an operator.
        name: Of the model, for messages.
        profile: Folder for a profile and for the model as it was optimised; ``None`` for neither.

    Raises:
        EngineBuildError: onnxruntime refuses the model.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _ERRORS_ONLY
    # Threads spin while a model runs, as in production, but not afterwards: engines that are
    # measured in turns would otherwise take each other's processors
    # (onnxruntime_session_options_config_keys.h).
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile / "profile")
        options.optimized_model_filepath = str(profile / _OPTIMISED)
    with foreign_errors(EngineBuildError, f"onnxruntime refuses model {name!r}"):
        return onnxruntime.InferenceSession(
            content, sess_options=options, providers=["CPUExecutionProvider"]
        )


class OnnxRuntimeEngine(EngineBase):
    """Run a session; inputs and outputs are bound once for timing.

    Args:
        session: The loaded model.
        content: The serialised model that it was loaded from.
        device: What it runs on.
        precision: What the model was built for.
        threads: What the session was made with.
        examples: An array for every input.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        content: bytes,
        *,
        device: DeviceInfo,
        precision: str,
        threads: int,
        examples: Arrays,
    ) -> None:
        infos = [_describe(node) for node in session.get_inputs()]
        super().__init__(
            device=device,
            precision=precision,
            threads=threads,
            examples=examples,
            output_names=[node.name for node in session.get_outputs()],
            inputs=infos,
        )
        self._session: Any = session
        self._content = content

    def layer_times(
        self, inputs: Arrays | None = None, *, runs: int = PROFILE_RUNS
    ) -> tuple[LayerTime, ...]:
        """Return the median time of every node that the session runs, in running order.

        The session is made anew with a profiler, which slows it down: the sum of the layers is not
        the latency. :func:`engines.attribute` brings them back to modules; what is left are
        reorderings of memory between layers.

        Args:
            inputs: Arrays to run on; the model's example inputs if None.
            runs: Timed runs.

        Raises:
            EngineInputError: The arrays do not fit.
            EngineRunError: The runtime failed.
        """
        self._check_open()
        arrays = self._examples if inputs is None else check_arrays(self._inputs, inputs)
        with self._running(), tempfile.TemporaryDirectory() as name:
            folder, runs = Path(name), max(runs, 1)
            session = make_session(self._content, self.threads, "to profile", folder)
            for _ in range(WARMUP_RUNS + runs):
                session.run(list(self.output_names), arrays)
            times = node_times(Path(session.end_profiling()), runs)
            return layer_times(times, self._content, folder / _OPTIMISED)

    def _run(self, arrays: dict[str, Array]) -> dict[str, Array]:
        outputs = self._session.run(list(self.output_names), arrays)
        return dict(zip(self.output_names, map(np.asarray, outputs), strict=True))

    def _timer(self, arrays: dict[str, Array]) -> Timer:
        binding = self._bind(arrays)
        run, clock = self._session.run_with_iobinding, time.perf_counter_ns

        def timer(runs: int) -> float:
            start = clock()
            for _ in range(runs):
                run(binding)
            return (clock() - start) / 1e6

        return timer

    def _bind(self, arrays: dict[str, Array]) -> Any:
        """Bind inputs and preallocated outputs; the same inputs always give the same shapes."""
        binding = self._session.io_binding()
        for name, array in arrays.items():
            binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
        for name, array in self._run(arrays).items():
            binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
        return binding

    def _serialise(self) -> bytes:
        return self._content

    def _close(self) -> None:
        self._session = None
        self._content = b""


def _describe(node: Any) -> TensorInfo:
    if node.type not in _DTYPES:
        raise EngineBuildError(
            f"input {node.name!r} is {node.type}; onnxruntime engines take tensors of "
            f"{', '.join(_DTYPES.values())}"
        )
    shape = tuple(side if isinstance(side, int) else None for side in node.shape)
    return TensorInfo(node.name, shape, _DTYPES[node.type])
