"""Build TensorRT engines; loads tensorrt and CUDA only when asked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..base import Arrays, Model, check_build
from ..device import DeviceInfo, parse_device
from ..errors import EngineBuildError, EngineUnavailableError, foreign_errors
from ..tensors import TensorInfo, check_arrays
from .builder import ON_CACHE_MISS, Order, build_plan
from .cuda import load_cuda
from .gpu import describe_gpu, gpu_index, installed_capability, missing_parts
from .limits import install_line, precision_warning
from .shapes import BatchRange
from .timing_cache import TimingCache, engine_version

if TYPE_CHECKING:
    from .engine import TensorRtEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorRtOptions:
    """State how engines are built beyond what every backend is told.

    Attributes:
        batch: Batch sizes of models whose first dimension is open; None for that of the examples.
        timing_cache: Pinned timing cache: part of the device's identity. None for none.
        on_cache_miss: ``time`` what the cache does not hold, or ``refuse`` to build.
        workspace_bytes: Most scratch memory of the builder; None for all there is.
        level: Optimisation level, 0 (fast build) to 5 (TensorRT's default is 3).
        cuda: ``pycuda`` or ``cuda-python``; None for the first that is installed.

    Raises:
        EngineBuildError: A value is not among these.
    """

    batch: BatchRange | None = None
    timing_cache: TimingCache | None = None
    on_cache_miss: str = "time"
    workspace_bytes: int | None = None
    level: int = 3
    cuda: str | None = None

    def __post_init__(self) -> None:
        if self.on_cache_miss not in ON_CACHE_MISS:
            raise EngineBuildError(
                f"on_cache_miss must be one of {', '.join(ON_CACHE_MISS)}, "
                f"got {self.on_cache_miss!r}"
            )
        if self.on_cache_miss == "refuse" and self.timing_cache is None:
            raise EngineBuildError("on_cache_miss='refuse' needs a timing_cache")
        if self.level not in range(6):
            raise EngineBuildError(f"level must be 0 to 5, got {self.level!r}")
        if self.workspace_bytes is not None and self.workspace_bytes < 1:
            raise EngineBuildError(f"workspace_bytes must be >= 1, got {self.workspace_bytes!r}")


class TensorRtBackend:
    """Build and run TensorRT engines on an NVIDIA GPU.

    Args:
        options: How to build.

    Example:
        >>> TensorRtBackend().name
        'tensorrt'
    """

    name = "tensorrt"

    def __init__(self, options: TensorRtOptions | None = None) -> None:
        self._options = options or TensorRtOptions()

    def unavailable_reason(self) -> str | None:
        """Return everything that is missing here, with the pip line; None if nothing is.

        Driver, GPU, packages, and versions that the GPU does not run: TensorRT after 10.4, or
        CUDA 13, on a V100.
        """
        missing = missing_parts()
        if not missing:
            return None
        return f"{'; '.join(missing)}; run: {install_line(installed_capability())}"

    def probe(self, device: str = "cuda:0") -> DeviceInfo:
        """Load TensorRT and CUDA and describe a GPU as the engines do.

        Raises:
            EngineBuildError: ``device`` is the CPU, or no device name.
            EngineUnavailableError: Something is missing, or the GPU does not run this TensorRT.
        """
        from .api import load_api

        index = gpu_index(*parse_device(device), device)
        self._check_available()
        api = load_api()
        version = engine_version(api.version, self._options.timing_cache)
        return describe_gpu(load_cuda(self._options.cuda), index, api.version, version)[1]

    def build(
        self,
        model: Model,
        *,
        precision: str = "fp32",
        threads: int = 1,
        device: str = "cuda:0",
        calibration: Sequence[Arrays] | None = None,
    ) -> TensorRtEngine:
        """Build an engine from ``model.onnx_bytes()``.

        Args:
            model: What to run.
            precision: ``fp32`` (never TF32), ``fp16`` or ``int8`` (fp32 where a layer has no int8
                kernel). Up to TensorRT 10 the builder chooses, by flags and an entropy calibrator;
                11 is given a graph in half precision, or with QuantizeLinear and DequantizeLinear.
            threads: Recorded only.
            device: ``cuda`` or ``cuda:1``.
            calibration: For int8: arrays by input name, one mapping per batch. If None the
                model's example inputs: their latency is right, their accuracy is not.

        Raises:
            EngineBuildError: Another precision or device, or a model that TensorRT refuses; the
                message lists the nodes.
            EngineInputError: Calibration arrays do not fit the model.
            EngineUnavailableError: Something is missing, or the GPU does not run this TensorRT.
        """
        check_build(self.name, precision, threads)
        index = gpu_index(*parse_device(device), device)
        self._check_available()
        return self._build(model, precision, threads, index, calibration)

    def _build(
        self,
        model: Model,
        precision: str,
        threads: int,
        index: int,
        calibration: Sequence[Arrays] | None,
    ) -> TensorRtEngine:
        from .api import load_api
        from .engine import TensorRtEngine
        from .logger import Messages, make_logger

        api, cuda = load_api(), load_cuda(self._options.cuda)
        version = engine_version(api.version, self._options.timing_cache)
        gpu, info = describe_gpu(cuda, index, api.version, version)
        order = self._order(model, precision, calibration)
        messages = Messages()
        warning = precision_warning(gpu.capability, precision)
        if warning is not None:
            messages.warnings.append(warning)
        logger = make_logger(api.trt, messages)
        session = cuda.open(index)
        try:
            with foreign_errors(EngineBuildError, f"tensorrt refuses model {model.name!r}"):
                with session.current():
                    plan = build_plan(api, session, logger, messages, order)
                return TensorRtEngine(
                    api,
                    session,
                    logger,
                    messages,
                    plan,
                    device=info,
                    precision=precision,
                    threads=threads,
                    examples=order.examples,
                )
        except BaseException:
            session.close()
            raise

    def _order(self, model: Model, precision: str, calibration: Sequence[Arrays] | None) -> Order:
        options = self._options
        examples = model.example_inputs()
        return Order(
            content=model.onnx_bytes(),
            examples=examples,
            precision=precision,
            batch=options.batch,
            batches=_batches(examples, calibration) if precision == "int8" else (),
            cache=options.timing_cache,
            on_cache_miss=options.on_cache_miss,
            workspace_bytes=options.workspace_bytes,
            level=options.level,
        )

    def _check_available(self) -> None:
        reason = self.unavailable_reason()
        if reason is not None:
            raise EngineUnavailableError(reason)


def _batches(examples: Arrays, calibration: Sequence[Arrays] | None) -> tuple[Arrays, ...]:
    """Return checked calibration batches; only the batch dimension may differ from the examples.

    Raises:
        EngineBuildError: There are none.
        EngineInputError: An array does not fit.
    """
    if calibration is None:
        return (examples,)
    if not calibration:
        raise EngineBuildError("calibration holds no batches; give one mapping of arrays at least")
    infos = tuple(
        TensorInfo(info.name, (None, *info.shape[1:]) if info.shape else (), info.dtype)
        for info in TensorInfo.of(examples)
    )
    return tuple(check_arrays(infos, batch) for batch in calibration)
