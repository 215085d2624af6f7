"""Engines: build a model for a device, run it, and measure its latency.

Knows no detector. Nothing heavy is loaded before it is used: ``import engines`` loads neither
torch nor onnx nor onnxruntime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import (
        Array,
        Arrays,
        Backend,
        Engine,
        EngineBase,
        Model,
        NamedOutputs,
        check_build,
        output_names_of,
    )
    from .conformance import BackendConformance
    from .device import DeviceInfo, cpu_device, cuda_device, parse_device
    from .diagnosis import diagnose
    from .errors import (
        EngineBuildError,
        EngineError,
        EngineInputError,
        EngineRunError,
        EngineUnavailableError,
        MeasurementError,
        OnnxExportError,
        UnknownEngineError,
    )
    from .fake import FakeBackend
    from .measurement import Measurement
    from .models import OnnxModel, TorchModel
    from .onnx_export import to_onnx
    from .onnxruntime import OnnxRuntimeBackend
    from .openvino import OpenVinoBackend
    from .protocol import TimingProtocol
    from .registry import BACKENDS, get_backend
    from .stability import stability_report
    from .tensorrt import (
        BatchRange,
        ModuleTimes,
        TensorRtBackend,
        TensorRtOptions,
        TimingCache,
        attribute,
        device_limits,
    )
    from .tensors import TensorInfo
    from .timing import Timer, measure_interleaved
    from .torch import TorchBackend

__all__ = [
    "BACKENDS",
    "Array",
    "Arrays",
    "Backend",
    "BackendConformance",
    "BatchRange",
    "DeviceInfo",
    "Engine",
    "EngineBase",
    "EngineBuildError",
    "EngineError",
    "EngineInputError",
    "EngineRunError",
    "EngineUnavailableError",
    "FakeBackend",
    "Measurement",
    "MeasurementError",
    "Model",
    "ModuleTimes",
    "NamedOutputs",
    "OnnxExportError",
    "OnnxModel",
    "OnnxRuntimeBackend",
    "OpenVinoBackend",
    "TensorInfo",
    "TensorRtBackend",
    "TensorRtOptions",
    "Timer",
    "TimingCache",
    "TimingProtocol",
    "TorchBackend",
    "TorchModel",
    "UnknownEngineError",
    "attribute",
    "check_build",
    "cpu_device",
    "cuda_device",
    "device_limits",
    "diagnose",
    "get_backend",
    "measure_interleaved",
    "output_names_of",
    "parse_device",
    "stability_report",
    "to_onnx",
]

_HOME = {
    "base": (
        "Array Arrays Backend Engine EngineBase Model NamedOutputs check_build output_names_of"
    ),
    "conformance": "BackendConformance",
    "device": "DeviceInfo cpu_device cuda_device parse_device",
    "diagnosis": "diagnose",
    "errors": (
        "EngineBuildError EngineError EngineInputError EngineRunError EngineUnavailableError "
        "MeasurementError OnnxExportError UnknownEngineError"
    ),
    "fake": "FakeBackend",
    "measurement": "Measurement",
    "models": "OnnxModel TorchModel",
    "onnx_export": "to_onnx",
    "onnxruntime": "OnnxRuntimeBackend",
    "openvino": "OpenVinoBackend",
    "protocol": "TimingProtocol",
    "registry": "BACKENDS get_backend",
    "stability": "stability_report",
    "tensorrt": (
        "BatchRange ModuleTimes TensorRtBackend TensorRtOptions TimingCache attribute "
        "device_limits"
    ),
    "tensors": "TensorInfo",
    "timing": "Timer measure_interleaved",
    "torch": "TorchBackend",
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'engines' has no attribute {name!r}")
    return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
