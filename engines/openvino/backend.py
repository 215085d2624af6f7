"""Build OpenVINO engines; loads openvino only when asked to build."""

from __future__ import annotations

from .._imports import missing_reason
from ..base import EngineBase, Model, check_build
from ..device import DeviceInfo, cpu_device, parse_device
from ..errors import EngineBuildError
from .engine import INSTALL, OpenVinoEngine, compile_onnx, tensor_names, version


class OpenVinoBackend:
    """Run ONNX models with OpenVINO's CPU plugin.

    Example:
        >>> OpenVinoBackend().name
        'openvino'
    """

    name = "openvino"

    def unavailable_reason(self) -> str | None:
        """Return why openvino cannot be used here, with the pip line; None if it can."""
        return missing_reason("openvino", INSTALL)

    def probe(self, device: str = "cpu") -> DeviceInfo:
        """Load openvino and describe the CPU as its engines do.

        Raises:
            EngineBuildError: ``device`` is not the CPU.
            EngineUnavailableError: openvino is not installed, or does not load.
        """
        _check_device(device)
        return cpu_device(self.name, version())

    def build(
        self, model: Model, *, precision: str = "fp32", threads: int = 1, device: str = "cpu"
    ) -> EngineBase:
        """Build an engine from ``model.onnx_bytes()``.

        Args:
            model: What to run.
            precision: ``fp32``, also where the CPU has bfloat16, which OpenVINO would then use.
            threads: Threads of one inference; OpenVINO takes no more than there are processors.
            device: ``cpu``.

        Raises:
            EngineBuildError: Another precision or device, or a model that OpenVINO refuses.
            EngineUnavailableError: openvino is not installed.
        """
        check_build(self.name, precision, threads, ("fp32",))
        info = self.probe(device)
        content = model.onnx_bytes()
        return OpenVinoEngine(
            compile_onnx(content, threads, model.name),
            content,
            tensor_names(content),
            device=info,
            threads=threads,
            examples=model.example_inputs(),
        )


def _check_device(device: str) -> None:
    if parse_device(device)[0] != "cpu":
        raise EngineBuildError(
            f"engine 'openvino' runs on cpu, not on {device!r}; "
            "use engine 'torch' for a CUDA device"
        )
