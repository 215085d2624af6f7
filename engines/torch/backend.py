"""Build torch engines; loads torch only when asked to build."""

from __future__ import annotations

from types import ModuleType

from .._imports import load, missing_reason
from ..base import EngineBase, Model, check_build
from ..device import DeviceInfo, parse_device
from ..errors import EngineBuildError

INSTALL = "torch torchvision"
_PRECISIONS = {"cpu": ("fp32",), "cuda": ("fp32", "fp16")}


class TorchBackend:
    """Run the torch module itself: the reference that the other engines are compared with.

    Example:
        >>> TorchBackend().name
        'torch'
    """

    name = "torch"

    def unavailable_reason(self) -> str | None:
        """Return why torch cannot be used here, with the pip line; None if it can."""
        return missing_reason("torch", INSTALL)

    def probe(self, device: str = "cpu") -> DeviceInfo:
        """Load torch and describe the device as its engines do.

        Raises:
            EngineBuildError: ``device`` is no device name.
            EngineUnavailableError: torch is not installed, does not load, or sees no such device.
        """
        parse_device(device)
        info: DeviceInfo = _engine().describe(device)
        return info

    def build(
        self, model: Model, *, precision: str = "fp32", threads: int = 1, device: str = "cpu"
    ) -> EngineBase:
        """Build an engine from a copy of ``model.torch_module()``.

        Args:
            model: What to run.
            precision: ``fp32`` (never TF32), on CUDA also ``fp16``: autocast, so that box
                coordinates, which half precision rounds to whole pixels above 1024, stay exact.
            threads: What torch's intra-op threads are set to while this engine runs.
            device: ``cpu``, ``cuda`` or ``cuda:1``.

        Raises:
            EngineBuildError: Another precision, an unknown device, or a module that does not run
                on its example inputs, whatever it raises.
            EngineUnavailableError: torch is not installed, or sees no such device.
        """
        check_build(self.name, precision, threads)
        kind, _ = parse_device(device)
        if precision not in _PRECISIONS[kind]:
            raise EngineBuildError(
                f"engine 'torch' builds {', '.join(_PRECISIONS[kind])} on {kind}, "
                f"not precision {precision!r}"
            )
        built: EngineBase = _engine().build(model, precision, threads, device)
        return built


def _engine() -> ModuleType:
    return load(f"{__package__}.engine", "torch", INSTALL)
