"""Run and time a torch module on the CPU or on a CUDA device. Imports torch."""

from __future__ import annotations

import copy
import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from ..base import Array, Arrays, EngineBase, Model, output_names_of
from ..device import DeviceInfo, cpu_device, cuda_device
from ..errors import EngineBuildError, EngineRunError
from ..timing import Timer

Context = Callable[[], AbstractContextManager[None]]


def build(model: Model, precision: str, threads: int, kind: str, index: int) -> TorchEngine:
    """Copy the module to the device, run it once and wrap it.

    Raises:
        EngineBuildError: The module does not run on its example inputs, or gives no tensors.
        EngineUnavailableError: There is no such device.
    """
    info = (
        cpu_device("torch", torch.__version__)
        if kind == "cpu"
        else cuda_device("torch", torch.__version__, index)
    )
    target = torch.device("cpu") if kind == "cpu" else torch.device("cuda", index)
    examples = model.example_inputs()
    context = _context(target, threads, precision)
    original = model.torch_module()
    try:
        # A copy: an engine stays what it was when its module is trained, moved or changed later.
        module = copy.deepcopy(original).to(target).eval()
        with context():
            outputs = flat_outputs(module(*to_tensors(examples, target)))
    except (RuntimeError, TypeError, ValueError) as error:
        raise EngineBuildError(
            f"model {model.name!r} does not run on its example inputs: {error}"
        ) from error
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
        try:
            with self._context():
                outputs = flat_outputs(self._module(*to_tensors(arrays, self._target)))
        except RuntimeError as error:
            raise EngineRunError(f"torch failed to run the model: {error}") from error
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
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
