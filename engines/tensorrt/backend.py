"""Build and load TensorRT engines; loads tensorrt and CUDA only when asked to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..base import Arrays, Model, check_build
from ..device import DeviceInfo, parse_device
from ..errors import EngineBuildError, EngineUnavailableError, foreign_errors
from ..keeping import CALIBRATION_CACHE, Kept
from ..lowering import written_in as stated
from ..options import Option, parse_options
from ..tensors import TensorInfo, check_arrays
from .api import FULL
from .builder import Order, Plan, build_plan
from .cuda import Session
from .gpu import gpu_index, installed_capability, missing_parts
from .installed import Installed, find_installed
from .limits import Capability, install_line, precision_warning
from .options import OPTIONS, TensorRtOptions
from .record import NONE, BuildRecord
from .timing_cache import engine_version, version_with

if TYPE_CHECKING:
    from .engine import TensorRtEngine
    from .logger import Messages


class TensorRtBackend:
    """Build, load and run TensorRT engines on an NVIDIA GPU.

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
        return self._device(self._find(device))

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
            model: What to run. A graph that is in half precision or quantised already is built as
                it is, in a strongly typed network from TensorRT 10 on.
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
        here = self._find(device)
        order = self._order(model, precision, here.gpu.capability, calibration)
        return self._build(here, model, order, threads)

    def load(
        self,
        kept: Kept,
        model: Model,
        *,
        precision: str = "fp32",
        threads: int = 1,
        device: str = "cuda:0",
    ) -> TensorRtEngine:
        """Load a plan; the model is not read, so the package onnx is not needed.

        A plan runs on the release of TensorRT that built it, to the last number, and on GPUs of
        one compute capability (docs.nvidia.com/deeplearning/tensorrt, support matrix, Engine
        Portability). Load plans only from where you would run programs from: TensorRT does not
        guard against ones that were made to harm.

        Args:
            kept: The plan and its record.
            model: What it was built from: its name and example inputs.
            precision: That it was built for.
            threads: Recorded only.
            device: ``cuda`` or ``cuda:1``.

        Raises:
            EngineReleaseError: Another TensorRT built it.
            EngineDeviceError: It was built for another compute capability.
            EngineBuildError: TensorRT refuses it, or it is of another model.
            EngineUnavailableError: Something is missing, or the GPU does not run this TensorRT.
        """
        check_build(self.name, precision, threads)
        record = BuildRecord.from_texts(kept.record)
        here = self._find(device)
        here.check(record)
        cache = None if record.timing_cache == NONE else record.timing_cache
        info = here.described(version_with(here.api.version, cache), self._options)
        plan = Plan(kept.content, record)

        def given(session: Session, logger: Any, messages: Messages) -> Plan:
            return plan

        with _refusals(f"tensorrt cannot load the engine of {model.name!r}"):
            return _open(here, info, precision, threads, model.example_inputs(), given)

    def rebuild(
        self,
        kept: Kept,
        model: Model,
        *,
        precision: str = "fp32",
        threads: int = 1,
        device: str = "cuda:0",
    ) -> TensorRtEngine:
        """Build the model of a plan anew, for the TensorRT and the GPU at hand.

        An int8 plan that TensorRT calibrated is calibrated by what was found then; TensorRT may
        refuse that of another release, and then wants images.

        Raises:
            EngineBuildError: TensorRT refuses the model.
            EngineUnavailableError: Something is missing, or the GPU does not run this TensorRT.
        """
        check_build(self.name, precision, threads)
        here = self._find(device)
        order = self._order(model, precision, here.gpu.capability)
        known = kept.files.get(CALIBRATION_CACHE, b"")
        if known and here.api.calibrates:
            order = replace(order, batches=(), calibration=known)
        return self._build(here, model, order, threads)

    def _build(self, here: Installed, model: Model, order: Order, threads: int) -> TensorRtEngine:
        here = replace(here, api=here.api.typed(order.written, self._options.typing))
        warning = precision_warning(here.gpu.capability, order.precision)

        def made(session: Session, logger: Any, messages: Messages) -> Plan:
            if warning is not None:
                messages.warnings.append(warning)
            with session.current():
                return build_plan(here.api, session, logger, messages, order)

        with _refusals(f"tensorrt refuses model {model.name!r}"):
            return _open(here, self._device(here), order.precision, threads, order.examples, made)

    def _find(self, device: str) -> Installed:
        gpu_index(*parse_device(device), device)  # before anything is said to be missing
        reason = self.unavailable_reason()
        if reason is not None:
            raise EngineUnavailableError(reason)
        return find_installed(device, self._options)

    def _device(self, here: Installed) -> DeviceInfo:
        version = engine_version(here.api.version, self._options.timing_cache)
        return here.described(version, self._options)

    def _order(
        self,
        model: Model,
        precision: str,
        capability: Capability,
        calibration: Sequence[Arrays] | None = None,
    ) -> Order:
        from .graphs import written_in

        options = self._options
        examples = model.example_inputs()
        content = model.onnx_bytes()
        with _refusals(f"tensorrt refuses model {model.name!r}"):
            written = written_in(content) if stated(model) == FULL else stated(model)
        return Order(
            content=content,
            written=written,
            examples=examples,
            precision=precision,
            batch=options.batch,
            batches=_batches(examples, calibration) if precision == "int8" else (),
            calibration=b"",
            cache=options.timing_cache,
            on_cache_miss=options.on_cache_miss,
            workspace_bytes=options.workspace_bytes,
            level=options.level,
            capability=capability,
        )


def _refusals(message: str) -> AbstractContextManager[None]:
    return foreign_errors(EngineBuildError, message)


def _open(
    here: Installed,
    info: DeviceInfo,
    precision: str,
    threads: int,
    examples: Arrays,
    make: Callable[[Session, Any, Messages], Plan],
) -> TensorRtEngine:
    """Open the GPU, make or take a plan, and return its engine."""
    from .engine import TensorRtEngine
    from .logger import Messages, make_logger

    messages = Messages()
    logger = make_logger(here.api.trt, messages)
    session = here.cuda.open(here.index)
    try:
        return TensorRtEngine(
            here.api,
            session,
            logger,
            messages,
            make(session, logger, messages),
            device=info,
            precision=precision,
            threads=threads,
            examples=examples,
        )
    except BaseException:
        session.close()
        raise


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
