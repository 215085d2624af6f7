"""Run and time one compiled OpenVINO model. The only module that imports openvino.

It does so when the first model is compiled: this module itself loads where openvino is absent.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .._imports import load
from ..base import Array, Arrays, EngineBase
from ..device import DeviceInfo
from ..errors import EngineBuildError, foreign_errors
from ..layer_times import LayerTime
from ..tensors import TensorInfo, check_arrays
from ..timing import Timer
from .layouts import channels_last, planar, with_channels_last
from .options import OpenVinoOptions
from .profiling import layer_times

INSTALL = "'detfit[openvino]'"
PROFILE_RUNS = 20


def runtime() -> Any:
    """Return the package openvino.

    Raises:
        EngineUnavailableError: It is not installed, or does not load.
    """
    return load("openvino", "openvino", INSTALL)


def version() -> str:
    """Return the release, such as ``2026.4.1``.

    openvino itself says ``2026.4.1-22982-e213a147257-releases/2026/4``, with the number of the
    build.
    """
    return str(runtime().__version__).partition("-")[0]


def compile_onnx(
    content: bytes,
    threads: int,
    name: str,
    options: OpenVinoOptions,
    hint: str = "f32",
    *,
    inner: Collection[str] = (),
    counters: bool = False,
) -> Any:
    """Compile an ONNX model for the CPU: one inference at a time, with ``threads``.

    Args:
        content: The serialised model.
        threads: Of one inference.
        name: Of the model, for messages.
        options: How else.
        hint: What layers in floating point compute in: ``f32``, ``f16`` or ``bf16``.
        inner: Inputs and outputs that it takes and gives with channels last.
        counters: Whether runs also time their layers, which makes them slower.

    Raises:
        EngineBuildError: OpenVINO refuses the model.
    """
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        # The default is bf16 on a CPU that computes in it.
        "INFERENCE_PRECISION_HINT": hint,
        "ENABLE_CPU_PINNING": options.pin_threads,
        "PERF_COUNT": counters,
    }
    with foreign_errors(EngineBuildError, f"openvino refuses model {name!r}"):
        model = _core().read_model(content)
        if inner:
            model = with_channels_last(runtime(), model, inner)
        return _core().compile_model(model, "CPU", settings)


def tensor_names(content: bytes) -> tuple[set[str], tuple[str, ...]]:
    """Return the names of an ONNX model's inputs, and of its outputs in order.

    OpenVINO knows several names of a tensor, in no order.
    """
    import onnx

    graph = onnx.load_from_string(content).graph
    return {value.name for value in graph.input}, tuple(value.name for value in graph.output)


class OpenVinoEngine(EngineBase):
    """Run a compiled model; inputs are set once for timing.

    Args:
        compiled: The compiled model.
        content: The serialised ONNX model that it was compiled from.
        names: What :func:`tensor_names` gives for it.
        options: How it was compiled.
        device: What it runs on.
        precision: What it was built for.
        hint: As it was compiled.
        threads: What the model was compiled for.
        inner: As it was compiled.
        examples: An array for every input, also for those that no operator uses, which OpenVINO
            drops.
    """

    def __init__(
        self,
        compiled: Any,
        content: bytes,
        names: tuple[set[str], tuple[str, ...]],
        options: OpenVinoOptions,
        *,
        device: DeviceInfo,
        precision: str,
        hint: str,
        threads: int,
        inner: frozenset[str],
        examples: Arrays,
    ) -> None:
        used = [_describe(port, names[0]) for port in compiled.inputs]
        known = (info for info in used if info.name not in inner)
        infos = {info.name: info for info in (*TensorInfo.of(examples), *known)}
        super().__init__(
            device=device,
            precision=precision,
            threads=threads,
            examples=examples,
            output_names=names[1],
            inputs=tuple(infos.values()),
        )
        self._used = [info.name for info in used]
        self._compiled = compiled
        self._request = compiled.create_infer_request()
        self._content = content
        self._options = options
        self._hint = hint
        self._inner = inner

    def layer_times(
        self, inputs: Arrays | None = None, *, runs: int = PROFILE_RUNS
    ) -> tuple[LayerTime, ...]:
        """Return the median time of every layer, in the order in which they run.

        Of the model compiled once more, with counters, which :meth:`measure` does without: the sum
        of the layers is more than the latency. :func:`engines.attribute` brings them back to
        modules; what is left are reorderings of memory between layers.

        Args:
            inputs: Arrays to run on; the model's example inputs if None.
            runs: Timed runs.

        Raises:
            EngineInputError: The arrays do not fit.
            EngineRunError: The runtime failed.
        """
        self._check_open()
        arrays = self._examples if inputs is None else check_arrays(self._inputs, inputs)
        with self._running():
            compiled = compile_onnx(
                self._content,
                self.threads,
                "to profile",
                self._options,
                self._hint,
                inner=self._inner,
                counters=True,
            )
            request = compiled.create_infer_request()
            self._set_inputs(request, arrays)
            return layer_times(compiled, request, self._content, max(runs, 1))

    def _run(self, arrays: dict[str, Array]) -> dict[str, Array]:
        self._set_inputs(self._request, arrays)
        self._request.infer(share_outputs=True)
        # Copied: the next run writes to the same memory.
        given = {
            name: np.array(self._request.get_output_tensor(index).data, copy=True)
            for index, name in enumerate(self.output_names)
        }
        return given | {name: planar(given[name]) for name in given.keys() & self._inner}

    def _timer(self, arrays: dict[str, Array]) -> Timer:
        request = self._compiled.create_infer_request()
        self._set_inputs(request, arrays)
        infer, clock = request.infer, time.perf_counter_ns

        def timer(runs: int) -> float:
            start = clock()
            for _ in range(runs):
                infer(share_outputs=True)
            return (clock() - start) / 1e6

        return timer

    def _set_inputs(self, request: Any, arrays: Arrays) -> None:
        tensor = runtime().Tensor  # a copy: nobody else writes to it
        for index, name in enumerate(self._used):
            array = arrays[name]
            given = channels_last(array) if name in self._inner else array
            request.set_input_tensor(index, tensor(given))

    def _serialise(self) -> bytes:
        return self._ir()[0]

    def _files(self, path: Path) -> dict[Path, bytes]:
        """Return the two files of OpenVINO's own format, IR: topology and, beside it, weights.

        Raises:
            EngineBuildError: ``path`` does not end in ``.xml``, which OpenVINO asks for.
        """
        if path.suffix != ".xml":
            raise EngineBuildError(
                f"cannot save {path}: an OpenVINO model is a pair of files, name.xml and "
                f"name.bin; give {path.with_suffix('.xml')}"
            )
        topology, weights = self._ir()
        return {path.with_suffix(".bin"): weights, path: topology}

    def _ir(self) -> tuple[bytes, bytes]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.xml"
            model = _core().read_model(self._content)
            runtime().save_model(model, path, compress_to_fp16=False)
            return path.read_bytes(), path.with_suffix(".bin").read_bytes()

    def _close(self) -> None:
        self._compiled = self._request = None
        self._content = b""


def capabilities() -> tuple[str, ...]:
    """Return the types that this CPU computes in, such as ``FP32``, ``BF16``, ``INT8``."""
    return tuple(_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


@lru_cache(maxsize=1)
def _core() -> Any:
    return runtime().Core()  # loads the plugins: once


def _describe(port: Any, names: set[str]) -> TensorInfo:
    name = next(known for known in sorted(port.names) if known in names)
    sides = (None if side.is_dynamic else side.get_length() for side in port.partial_shape)
    return TensorInfo(name, tuple(sides), np.dtype(port.element_type.to_dtype()).name)
