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
    from .layer_times import LayerTime, ModuleTimes, attribute
    from .measurement import Measurement
    from .measuring import measure_beside, measure_interleaved
    from .models import OnnxModel, TorchModel
    from .onnx_export import to_onnx
    from .onnxruntime import OnnxRuntimeBackend
    from .openvino import OpenVinoBackend, OpenVinoOptions
    from .options import Configurable, Option, option_texts
    from .protocol import CACHE_MODES, CHAINED, COLD, WARM, TimingProtocol
    from .registry import BACKENDS, get_backend
    from .stability import overload_reason, stability_report
    from .stats import third_drift
    from .tensorrt import (
        BatchRange,
        TensorRtBackend,
        TensorRtOptions,
        TimingCache,
        device_limits,
        installed_packages,
        load_cuda,
    )
    from .tensors import TensorInfo
    from .timing import Timer
    from .torch import TorchBackend, TorchOptions

__all__ = [
    "BACKENDS",
    "CACHE_MODES",
    "CHAINED",
    "COLD",
    "WARM",
    "Array",
    "Arrays",
    "Backend",
    "BackendConformance",
    "BatchRange",
    "Configurable",
    "DeviceInfo",
    "Engine",
    "EngineBase",
    "EngineBuildError",
    "EngineError",
    "EngineInputError",
    "EngineRunError",
    "EngineUnavailableError",
    "FakeBackend",
    "LayerTime",
    "Measurement",
    "MeasurementError",
    "Model",
    "ModuleTimes",
    "NamedOutputs",
    "OnnxExportError",
    "OnnxModel",
    "OnnxRuntimeBackend",
    "OpenVinoBackend",
    "OpenVinoOptions",
    "Option",
    "TensorInfo",
    "TensorRtBackend",
    "TensorRtOptions",
    "Timer",
    "TimingCache",
    "TimingProtocol",
    "TorchBackend",
    "TorchModel",
    "TorchOptions",
    "UnknownEngineError",
    "attribute",
    "check_build",
    "cpu_device",
    "cuda_device",
    "device_limits",
    "diagnose",
    "get_backend",
    "installed_packages",
    "load_cuda",
    "measure_beside",
    "measure_interleaved",
    "option_texts",
    "output_names_of",
    "overload_reason",
    "parse_device",
    "stability_report",
    "third_drift",
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
    "layer_times": "LayerTime ModuleTimes attribute",
    "measurement": "Measurement",
    "measuring": "measure_beside measure_interleaved",
    "models": "OnnxModel TorchModel",
    "onnx_export": "to_onnx",
    "onnxruntime": "OnnxRuntimeBackend",
    "openvino": "OpenVinoBackend OpenVinoOptions",
    "options": "Configurable Option option_texts",
    "protocol": "CACHE_MODES CHAINED COLD WARM TimingProtocol",
    "registry": "BACKENDS get_backend",
    "stability": "overload_reason stability_report",
    "stats": "third_drift",
    "tensorrt": (
        "BatchRange TensorRtBackend TensorRtOptions TimingCache device_limits "
        "installed_packages load_cuda"
    ),
    "tensors": "TensorInfo",
    "timing": "Timer",
    "torch": "TorchBackend TorchOptions",
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'engines' has no attribute {name!r}")
    return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
