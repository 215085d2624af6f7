"""Run and time a torch module on the CPU or on a CUDA device. Imports torch."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch

from ..base import Array, Arrays, EngineBase, Model, output_names_of
from ..device import DeviceInfo, cpu_device, cuda_device, parse_device
from ..errors import EngineBuildError, foreign_errors
from ..options import options_text
from ..timing import Timer
from .calls import Prepared, compiling, prepare
from .graphs import Replay, try_capture
from .kernels import check_kernels
from .options import OPTIONS, TorchOptions
from .settings import running_on

_BF16_SINCE = (8, 0)  # CUDA C++ Programming Guide, Compute Capabilities


def describe(device: str, options: TorchOptions) -> DeviceInfo:
    """Describe ``cpu``, ``cuda`` or ``cuda:1`` as driven by torch.

    Raises:
        EngineBuildError: The text is none of these.
        EngineUnavailableError: There is no such device, or torch was built without kernels for it.
    """
    kind, index = parse_device(device)
    if kind == "cpu":
        info = cpu_device("torch", torch.__version__)
    else:
        info = cuda_device("torch", torch.__version__, index)
        capability = torch.cuda.get_device_capability(index)
        check_kernels(info.name, capability, torch.cuda.get_arch_list(), torch.__version__)
    return replace(info, options=options_text(OPTIONS, options))


def build(
    model: Model, precision: str, threads: int, device: str, options: TorchOptions
) -> TorchEngine:
    """Copy the module to the device, run it once and wrap it.

    Raises:
        EngineBuildError: The module does not run on its example inputs, or gives no tensors, or
            the device cannot do what the options ask for.
        EngineUnavailableError: There is no such device.
    """
    info = describe(device, options)
    kind, index = parse_device(device)
    target = torch.device("cpu") if kind == "cpu" else torch.device("cuda", index)
    if kind == "cuda" and precision == "fp16":
        check_half(info.name, torch.cuda.get_device_capability(target), options.half)
    context = running_on(target, threads)
    failed = f"model {model.name!r} does not run on its example inputs"
    with foreign_errors(EngineBuildError, failed):
        examples = model.example_inputs()
        prepared = prepare(model.torch_module(), target, context, precision, options)
        with context(), compiling(options):
            tensors = prepared.tensors(examples)
            outputs = flat_outputs(prepared.call(*tensors))
            captured = try_capture(prepared.call, tensors, options.graphs)
            if isinstance(captured, str):
                prepared.call(*tensors)  # it still runs after the failed capture
    return TorchEngine(
        prepared,
        captured,
        device=info,
        precision=precision,
        threads=threads,
        examples=examples,
        output_names=output_names_of(model, len(outputs)),
    )


def check_half(name: str, capability: tuple[int, int], half: str) -> None:
    """Check that a GPU computes in a half type.

    Raises:
        EngineBuildError: It has no bfloat16, which torch would imitate, slowly.
    """
    if half == "bf16" and capability < _BF16_SINCE:
        raise EngineBuildError(
            f"{name} (compute capability {capability[0]}.{capability[1]}) has no bf16 arithmetic, "
            "which begins with 8.0; use half=fp16"
        )


class TorchEngine(EngineBase):
    """Run a module without gradients.

    Args:
        prepared: The module, on its device.
        captured: Its CUDA graph; a text says why there is none, None that none was asked for.
        device: What it runs on.
        precision: Precision that it was built for.
        threads: CPU threads that it was built for.
        examples: An array for every input.
        output_names: Names of the outputs.

    Attributes:
        warnings: What could not be done as asked: a CUDA graph.
    """

    def __init__(
        self,
        prepared: Prepared,
        captured: Replay | str | None,
        *,
        device: DeviceInfo,
        precision: str,
        threads: int,
        examples: Arrays,
        output_names: Sequence[str],
    ) -> None:
        super().__init__(
            device=device,
            precision=precision,
            threads=threads,
            examples=examples,
            output_names=output_names,
        )
        self._prepared = prepared
        self._replay = captured if isinstance(captured, Replay) else None
        if isinstance(captured, str):
            self.warnings = (f"no CUDA graph, kernels are launched one by one: {captured}",)

    def _run(self, arrays: dict[str, Array]) -> dict[str, Array]:
        with self._prepared.context():
            tensors = self._prepared.tensors(arrays)
            if self._replay is None:
                given = self._prepared.call(*tensors)
            else:
                self._replay.load(tensors)
                self._replay.play()
                given = self._replay.outputs
            named = zip(self.output_names, flat_outputs(given), strict=True)
            return {name: _to_array(tensor) for name, tensor in named}

    def _timer(self, arrays: dict[str, Array]) -> Timer:
        prepared, replay = self._prepared, self._replay
        with prepared.context():
            tensors = prepared.tensors(arrays)
        step = partial(prepared.call, *tensors) if replay is None else replay.play
        block = _time_cuda if prepared.target.type == "cuda" else _time_cpu

        def timer(runs: int) -> float:
            with prepared.context():
                if replay is not None:
                    replay.load(tensors)  # another timer, or a run, has loaded its own
                return block(step, runs)

        return timer

    def _serialise(self) -> bytes:
        """Return a ``.pt2`` archive: what ``torch.export.load`` and AOTInductor read.

        In the usual layout, whatever the engine's: torch cannot save another one.
        """
        if self.precision != "fp32":
            raise EngineBuildError(
                f"a torch engine of precision {self.precision!r} cannot be saved: the precision "
                "is a setting, not part of the module; save the fp32 engine"
            )
        buffer = io.BytesIO()
        usual = self._prepared.in_usual_layout()
        arguments = usual.tensors(self._examples)
        try:
            with torch.no_grad():  # not inference mode: its tensors cannot be saved
                program = torch.export.export(usual.module, arguments, strict=False)
            torch.export.save(program, buffer)
        except Exception as error:  # torch.export raises errors of many unrelated kinds
            raise EngineBuildError(
                f"torch.export cannot save this model: {type(error).__name__}: {error}"
            ) from error
        return buffer.getvalue()

    def _close(self) -> None:
        on_cuda = self._prepared.target.type == "cuda"
        self._replay = None
        del self._prepared
        if on_cuda:
            torch.cuda.empty_cache()


def _time_cpu(step: Callable[[], object], runs: int) -> float:
    start = time.perf_counter_ns()
    for _ in range(runs):
        step()
    return (time.perf_counter_ns() - start) / 1e6


def _time_cuda(step: Callable[[], object], runs: int) -> float:
    """Time on the current device's own clock, from an idle queue to an empty one."""
    start = torch.cuda.Event(enable_timing=True)
    end = torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    start.record()
    for _ in range(runs):
        step()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end))


def flat_outputs(outputs: object) -> tuple[torch.Tensor, ...]:
    """Return the outputs of a module, which must be one tensor or a tuple or list of tensors.

    Raises:
        TypeError: They are something else.
    """
    given = tuple(outputs) if isinstance(outputs, tuple | list) else (outputs,)
    for index, output in enumerate(given):
        if not isinstance(output, torch.Tensor):
            raise TypeError(
                f"output {index} is a {type(output).__name__}; a model gives one tensor or a "
                "tuple of tensors"
            )
    return given


def _to_array(tensor: torch.Tensor) -> Array:
    wide = tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
    array: Array = wide.cpu().numpy().copy()  # a module may return its own buffer
    return array
