"""Build ONNX Runtime engines; loads onnxruntime only when asked to build."""

from __future__ import annotations

from types import ModuleType

from .._imports import load, missing_reason
from ..base import EngineBase, Model, check_build
from ..device import DeviceInfo, cpu_device, parse_device
from ..errors import EngineBuildError

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
        _check_device(device)
        return cpu_device(self.name, _engine().VERSION)

    def build(
        self, model: Model, *, precision: str = "fp32", threads: int = 1, device: str = "cpu"
    ) -> EngineBase:
        """Build an engine from ``model.onnx_bytes()``.

        Args:
            model: What to run.
            precision: ``fp32``; the model runs in the types that it declares.
            threads: Threads inside an operator; operators run one after the other.
            device: ``cpu``.

        Raises:
            EngineBuildError: Another precision or device, or a model that onnxruntime refuses.
            EngineUnavailableError: onnxruntime is not installed.
        """
        check_build(self.name, precision, threads, ("fp32",))
        info = self.probe(device)
        engine = _engine()
        content = model.onnx_bytes()
        session = engine.make_session(content, threads, model.name)
        built: EngineBase = engine.OnnxRuntimeEngine(
            session,
            content,
            device=info,
            threads=threads,
            examples=model.example_inputs(),
        )
        return built


def _check_device(device: str) -> None:
    if parse_device(device)[0] != "cpu":
        raise EngineBuildError(
            f"engine 'onnxruntime' runs on cpu, not on {device!r}; "
            "use engine 'torch' for a CUDA device"
        )


def _engine() -> ModuleType:
    return load(f"{__package__}.engine", "onnxruntime", INSTALL)
