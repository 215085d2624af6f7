"""Build ONNX Runtime engines; loads onnxruntime only when asked to build."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

from .._imports import load, missing_reason
from ..base import Arrays, EngineBase, Model, check_build
from ..device import DeviceInfo, cpu_device, require_cpu
from ..lowering import lower
from .arithmetic import half_warnings

INSTALL = "onnxruntime"


class OnnxRuntimeBackend:
    """Run ONNX models with ONNX Runtime's CPU provider: the embedded default.

    Example:
        >>> OnnxRuntimeBackend().name
        'onnxruntime'
    """

    name = "onnxruntime"

    def unavailable_reason(self) -> str | None:
        """Return why onnxruntime cannot be used here, with the pip line; None if it can."""
        return missing_reason("onnxruntime", INSTALL)

    def probe(self, device: str = "cpu") -> DeviceInfo:
        """Load onnxruntime and describe the CPU as its engines do.

        Raises:
            EngineBuildError: ``device`` is not the CPU.
            EngineUnavailableError: onnxruntime is not installed, or does not load.
        """
        require_cpu("onnxruntime", device)
        return cpu_device(self.name, _engine().VERSION)

    def build(
        self,
        model: Model,
        *,
        precision: str = "fp32",
        threads: int = 1,
        device: str = "cpu",
        calibration: Iterable[Arrays] | None = None,
    ) -> EngineBase:
        """Build an engine from ``model.onnx_bytes()``.

        Args:
            model: What to run.
            precision: ``fp32`` (the model runs in the types that it declares), ``fp16`` (products
                and what follows them in half, as far as this CPU has such kernels) or ``int8``
                (products and what lies between them, as its kernels take it). A model that is
                written in the precision is left as it is.
            threads: Threads inside an operator; operators run one after the other.
            device: ``cpu``.
            calibration: For int8: arrays by input name, one mapping per batch. If None the
                model's example inputs: their latency is right, their accuracy is not.

        Raises:
            EngineBuildError: Another precision or device, or a model that onnxruntime refuses.
            EngineUnavailableError: onnxruntime is not installed.
        """
        check_build(self.name, precision, threads)
        info = self.probe(device)
        engine = _engine()
        lowered = lower(model, precision, calibration, native=True)
        session = engine.make_session(lowered.content, threads, model.name)
        built: EngineBase = engine.OnnxRuntimeEngine(
            session,
            lowered.content,
            device=info,
            precision=precision,
            threads=threads,
            examples=model.example_inputs(),
        )
        built.warnings = (*lowered.warnings, *half_warnings(precision))
        return built


def _engine() -> ModuleType:
    return load(f"{__package__}.engine", "onnxruntime", INSTALL)
