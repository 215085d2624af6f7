"""Run and time a torch module on the CPU or on a CUDA device. Imports torch."""

from __future__ import annotations

import copy
import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import torch

from ..base import Array, Arrays, EngineBase, Model, output_names_of
from ..device import DeviceInfo, cpu_device, cuda_device, parse_device
from ..errors import EngineBuildError, foreign_errors
from ..timing import Timer

Context = Callable[[], AbstractContextManager[None]]


def describe(device: str) -> DeviceInfo:
    """Describe ``cpu``, ``cuda`` or ``cuda:1`` as driven by torch.

    Raises:
        EngineBuildError: The text is none of these.
        EngineUnavailableError: There is no such device.
    """
    kind, index = parse_device(device)
    if kind == "cpu":
        return cpu_device("torch", torch.__version__)
    return cuda_device("torch", torch.__version__, index)


def build(model: Model, precision: str, threads: int, device: str) -> TorchEngine:
    """Copy the module to the device, run it once and wrap it.

    Raises:
        EngineBuildError: The module does not run on its example inputs, or gives no tensors.
        EngineUnavailableError: There is no such device.
    """
    info = describe(device)
    kind, index = parse_device(device)
    target = torch.device("cpu") if kind == "cpu" else torch.device("cuda", index)
    context = _context(target, threads, precision)
    failed = f"model {model.name!r} does not run on its example inputs"
    with foreign_errors(EngineBuildError, failed):
        examples = model.example_inputs()
        # A copy: an engine stays what it was when its module is trained, moved or changed later.
        module = copy.deepcopy(model.torch_module()).to(target).eval()
        with context():
            outputs = flat_outputs(module(*to_tensors(examples, target)))
    return TorchEngine(
        module,
        target,
        context,
        device=info,
        precision=precision,
        threads=threads,
        examples=examples,
        output_names=output_names_of(model, len(outputs)),
    )


class TorchEngine(EngineBase):
    """Run a module without gradients.

    Args:
        module: In eval mode, on ``target``.
        target: Where it runs.
        context: Sets threads, precision and flags while the module runs, and resets them.
        device: What ``target`` is.
        precision: Precision that it was built for.
        threads: CPU threads that it was built for.
        examples: An array for every input.
        output_names: Names of the outputs.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        target: torch.device,
        context: Context,
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
        self._module = module
        self._target = target
        self._context = context

    def _run(self, arrays: dict[str, Array]) -> dict[str, Array]:
        with self._context():
            outputs = flat_outputs(self._module(*to_tensors(arrays, self._target)))
        named = zip(self.output_names, outputs, strict=True)
        return {name: _to_array(tensor) for name, tensor in named}

    def _timer(self, arrays: dict[str, Array]) -> Timer:
        tensors = to_tensors(arrays, self._target)
        block = self._time_cuda if self._target.type == "cuda" else self._time_cpu

        def timer(runs: int) -> float:
            with self._context():
                return block(tensors, runs)

        return timer

    def _time_cpu(self, tensors: Sequence[torch.Tensor], runs: int) -> float:
        module = self._module
        start = time.perf_counter_ns()
        for _ in range(runs):
            module(*tensors)
        return (time.perf_counter_ns() - start) / 1e6

    def _time_cuda(self, tensors: Sequence[torch.Tensor], runs: int) -> float:
        """Time on the device's own clock, from an idle queue to an empty one."""
        module = self._module
        start = torch.cuda.Event(enable_timing=True)
        end = torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize(self._target)
        start.record()
        for _ in range(runs):
            module(*tensors)
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end))

    def _serialise(self) -> bytes:
        """Return a ``.pt2`` archive: what ``torch.export.load`` and AOTInductor read."""
        if self.precision != "fp32":
            raise EngineBuildError(
                f"a torch engine of precision {self.precision!r} cannot be saved: the precision "
                "is a setting, not part of the module; save the fp32 engine"
            )
        buffer = io.BytesIO()
        arguments = to_tensors(self._examples, self._target)
        try:
            with torch.no_grad():  # not inference mode: its tensors cannot be saved
                program = torch.export.export(self._module, arguments, strict=False)
            torch.export.save(program, buffer)
        except Exception as error:  # torch.export raises errors of many unrelated kinds
            raise EngineBuildError(
                f"torch.export cannot save this model: {type(error).__name__}: {error}"
            ) from error
        return buffer.getvalue()

    def _close(self) -> None:
        del self._module
        if self._target.type == "cuda":
            torch.cuda.empty_cache()


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


def to_tensors(arrays: Arrays, target: torch.device) -> tuple[torch.Tensor, ...]:
    """Copy arrays to the device, in order."""
    return tuple(torch.tensor(array, device=target) for array in arrays.values())


def _to_array(tensor: torch.Tensor) -> Array:
    wide = tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
    array: Array = wide.cpu().numpy().copy()  # a module may return its own buffer
    return array


def _context(target: torch.device, threads: int, precision: str) -> Context:
    @contextmanager
    def context() -> Iterator[None]:
        on_device = torch.cuda.device(target) if target.type == "cuda" else nullcontext()
        with _threads(threads), on_device, _exact_fp32(target), torch.inference_mode():
            enabled = precision == "fp16"
            with torch.autocast("cuda", torch.float16) if enabled else nullcontext():
                yield

    return context


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    if before == count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _exact_fp32(target: torch.device) -> Iterator[None]:
    """Switch TF32 off, which torch allows in convolutions, and tune for fixed shapes."""
    if target.type != "cuda":
        yield
        return
    with ExitStack() as stack:
        for owner, name, value in _exact_settings():
            before = getattr(owner, name)
            if before != value:
                stack.callback(setattr, owner, name, before)
                setattr(owner, name, value)
        yield


def _exact_settings() -> list[tuple[Any, str, object]]:
    """Return ``(owner, attribute, value)`` of torch's global flags.

    Since torch 2.9 TF32 can be set in two ways, and the older one raises, even on reading, once
    the newer has been used: then the newer is used here too (PyTorch's "CUDA semantics", TF32).
    """
    cudnn: Any = torch.backends.cudnn  # a module, typed without the attributes of newer torch
    matmul = torch.backends.cuda.matmul
    flags = [(cudnn, "enabled", True), (cudnn, "benchmark", True), (cudnn, "deterministic", False)]
    older = [(owner, "allow_tf32", False) for owner in (matmul, cudnn)]
    try:
        for owner, name, _ in older:
            getattr(owner, name)
    except RuntimeError:
        newer = (matmul, cudnn.conv, cudnn.rnn)
        return [*flags, *((owner, "fp32_precision", "ieee") for owner in newer)]
    return [*flags, *older]
