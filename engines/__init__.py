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
        CutModel,
        Engine,
        EngineBase,
        Model,
        NamedOutputs,
        check_build,
        inner_tensors_of,
        output_names_of,
    )
    from .closing import Closing
    from .conformance import BackendConformance
    from .device import DeviceInfo, cpu_device, cuda_device, parse_device
    from .diagnosis import diagnose
    from .errors import (
        EngineBuildError,
        EngineDeviceError,
        EngineError,
        EngineInputError,
        EngineReleaseError,
        EngineRunError,
        EngineUnavailableError,
        MeasurementError,
        OnnxExportError,
        UnknownEngineError,
    )
    from .fake import FakeBackend
    from .keeping import BUILD_FILES, Kept, Loads, Recorded
    from .layer_times import LayerProfiler, LayerTime, ModuleTimes, attribute
    from .lowering import WrittenIn, lower, written_in
    from .lowering.calibration import calibrate
    from .lowering.half import MAX_HALF, data_inputs, half_nodes, largest_weights, to_half
    from .lowering.methods import CALIBRATION_METHODS
    from .lowering.native import NATIVE_OPERATORS, natively_quantizable, with_native_quantization
    from .lowering.nodes import prepared_model
    from .lowering.quantized import quantizable, with_quantization
    from .lowering.rounded import with_rounding
    from .measurement import Measurement
    from .measuring import measure_beside, measure_in_turns, measure_interleaved
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
    from .tensorrt.attribution import nodes_by_layer
    from .tensorrt.timing_cache import cache_of_version
    from .tensors import DYNAMIC_BATCH, TensorInfo
    from .timing import Timer
    from .torch import TorchBackend, TorchOptions

__all__ = [
    "BACKENDS",
    "BUILD_FILES",
    "CACHE_MODES",
    "CALIBRATION_METHODS",
    "CHAINED",
    "COLD",
    "DYNAMIC_BATCH",
    "MAX_HALF",
    "NATIVE_OPERATORS",
    "WARM",
    "Array",
    "Arrays",
    "Backend",
    "BackendConformance",
    "BatchRange",
    "Closing",
    "Configurable",
    "CutModel",
    "DeviceInfo",
    "Engine",
    "EngineBase",
    "EngineBuildError",
    "EngineDeviceError",
    "EngineError",
    "EngineInputError",
    "EngineReleaseError",
    "EngineRunError",
    "EngineUnavailableError",
    "FakeBackend",
    "Kept",
    "LayerProfiler",
    "LayerTime",
    "Loads",
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
    "Recorded",
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
    "WrittenIn",
    "attribute",
    "cache_of_version",
    "calibrate",
    "check_build",
    "cpu_device",
    "cuda_device",
    "data_inputs",
    "device_limits",
    "diagnose",
    "get_backend",
    "half_nodes",
    "inner_tensors_of",
    "installed_packages",
    "largest_weights",
    "load_cuda",
    "lower",
    "measure_beside",
    "measure_in_turns",
    "measure_interleaved",
    "natively_quantizable",
    "nodes_by_layer",
    "option_texts",
    "output_names_of",
    "overload_reason",
    "parse_device",
    "prepared_model",
    "quantizable",
    "stability_report",
    "third_drift",
    "to_half",
    "to_onnx",
    "with_native_quantization",
    "with_quantization",
    "with_rounding",
    "written_in",
]

_HOME = {
    "base": (
        "Array Arrays Backend CutModel Engine EngineBase Model NamedOutputs check_build "
        "inner_tensors_of output_names_of"
    ),
    "closing": "Closing",
    "conformance": "BackendConformance",
    "device": "DeviceInfo cpu_device cuda_device parse_device",
    "diagnosis": "diagnose",
    "errors": (
        "EngineBuildError EngineDeviceError EngineError EngineInputError EngineReleaseError "
        "EngineRunError EngineUnavailableError MeasurementError OnnxExportError UnknownEngineError"
    ),
    "fake": "FakeBackend",
    "keeping": "BUILD_FILES Kept Loads Recorded",
    "layer_times": "LayerProfiler LayerTime ModuleTimes attribute",
    "lowering": "WrittenIn lower written_in",
    "lowering.calibration": "calibrate",
    "lowering.half": "MAX_HALF data_inputs half_nodes largest_weights to_half",
    "lowering.methods": "CALIBRATION_METHODS",
    "lowering.native": "NATIVE_OPERATORS natively_quantizable with_native_quantization",
    "lowering.nodes": "prepared_model",
    "lowering.quantized": "quantizable with_quantization",
    "lowering.rounded": "with_rounding",
    "measurement": "Measurement",
    "measuring": "measure_beside measure_in_turns measure_interleaved",
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
    "tensorrt.attribution": "nodes_by_layer",
    "tensorrt.timing_cache": "cache_of_version",
    "tensors": "DYNAMIC_BATCH TensorInfo",
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
