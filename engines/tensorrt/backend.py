"""Build TensorRT engines; loads tensorrt and CUDA only when asked to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..base import Arrays, Model, check_build
from ..device import DeviceInfo, parse_device
from ..errors import EngineBuildError, EngineUnavailableError, foreign_errors
from ..options import Option, options_text, parse_options
from ..tensors import TensorInfo, check_arrays
from .builder import Order, build_plan
from .cuda import Cuda, Gpu, load_cuda
from .gpu import describe_gpu, gpu_index, installed_capability, missing_parts
from .limits import install_line, precision_warning
from .options import OPTIONS, TensorRtOptions
from .timing_cache import engine_version

if TYPE_CHECKING:
    from .engine import TensorRtEngine


class TensorRtBackend:
    """Build and run TensorRT engines on an NVIDIA GPU.

    Args:
        options: How to build; part of the device's identity where they are not the defaults.

    Example:
        >>> TensorRtBackend().name
        'tensorrt'
    """

    name = "tensorrt"

    def __init__(self, options: TensorRtOptions | None = None) -> None:
        self._options = options or TensorRtOptions()

    @property
    def known_options(self) -> Mapping[str, Option]:
        """Return the options by name."""
        return OPTIONS

    def with_options(self, texts: Sequence[str]) -> TensorRtBackend:
        """Return such a backend with other options, each ``NAME=VALUE``.

        Raises:
            EngineBuildError: A name or a value is none that it takes; the message lists those. A
                timing cache cannot be read, or is another one than pinned.
        """
        return TensorRtBackend(TensorRtOptions(**parse_options(self.name, OPTIONS, texts)))

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
        return self._describe(load_cuda(self._options.cuda), index, api.version)[1]

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
        gpu, info = self._describe(cuda, index, api.version)
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

    def _describe(self, cuda: Cuda, index: int, version: str) -> tuple[Gpu, DeviceInfo]:
        identity = engine_version(version, self._options.timing_cache)
        gpu, info = describe_gpu(cuda, index, version, identity)
        return gpu, replace(info, options=options_text(OPTIONS, self._options))

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
