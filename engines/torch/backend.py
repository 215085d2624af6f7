"""Build torch engines; loads torch only when asked to build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType

from .._imports import load, missing_reason
from ..base import EngineBase, Model, check_build
from ..device import DeviceInfo, parse_device
from ..errors import EngineBuildError
from ..options import Option, parse_options
from .options import OPTIONS, TorchOptions

INSTALL = "torch torchvision"


class TorchBackend:
    """Run the torch module itself: the reference that the other engines are compared with.

    Args:
        options: How to build; part of the device's identity where they are not the defaults.

    Example:
        >>> TorchBackend().name
        'torch'
    """

    name = "torch"

    def __init__(self, options: TorchOptions | None = None) -> None:
        self._options = options or TorchOptions()

    @property
    def known_options(self) -> Mapping[str, Option]:
        """Return the options by name."""
        return OPTIONS

    def with_options(self, texts: Sequence[str]) -> TorchBackend:
        """Return such a backend with other options, each ``NAME=VALUE``.

        Raises:
            EngineBuildError: A name or a value is none that it takes; the message lists those.
        """
        return TorchBackend(TorchOptions(**parse_options(self.name, OPTIONS, texts)))

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
        info: DeviceInfo = _engine().describe(device, self._options)
        return info

    def build(
        self, model: Model, *, precision: str = "fp32", threads: int = 1, device: str = "cpu"
    ) -> EngineBase:
        """Build an engine from a copy of ``model.torch_module()``.

        Args:
            model: What to run.
            precision: ``fp32`` (never TF32), on CUDA also ``fp16``: autocast, so that box
                coordinates, which half precision rounds to whole pixels above 1024, stay exact.
                With the option ``half=bf16`` also on the CPU.
            threads: What torch's intra-op threads are set to while this engine runs.
            device: ``cpu``, ``cuda`` or ``cuda:1``.

        Raises:
            EngineBuildError: Another precision, an unknown device, options that the device does
                not have, or a module that does not run on its example inputs, whatever it raises.
            EngineUnavailableError: torch is not installed, or sees no such device.
        """
        check_build(self.name, precision, threads)
        kind, _ = parse_device(device)
        _check_options(self._options, precision, kind)
        built: EngineBase = _engine().build(model, precision, threads, device, self._options)
        return built


def _check_options(options: TorchOptions, precision: str, kind: str) -> None:
    """Check that precision and options go together with each other and the kind of device.

    Raises:
        EngineBuildError: They do not.
    """
    half = kind == "cuda" or options.half == "bf16"
    allowed = ("fp32", "fp16") if half else ("fp32",)
    if precision not in allowed:
        hint = "" if half else "; the option half=bf16 builds fp16 as bfloat16"
        raise EngineBuildError(
            f"engine 'torch' builds {', '.join(allowed)} on {kind}, "
            f"not precision {precision!r}{hint}"
        )
    if precision == "fp32" and options.half != "fp16":
        raise EngineBuildError(
            f"the option half={options.half} says what precision fp16 computes in; "
            "leave it out at precision fp32, or build precision fp16"
        )
    if kind == "cpu" and options.graphs != "off":
        raise EngineBuildError(
            f"the option graphs={options.graphs} is for CUDA devices; leave it out on the cpu"
        )


def _engine() -> ModuleType:
    return load(f"{__package__}.engine", "torch", INSTALL)
