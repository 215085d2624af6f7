"""TensorRT on NVIDIA GPUs, 8.6.1 to 11; loads neither tensorrt nor CUDA before it is used."""

from .attribution import ModuleTimes, attribute
from .backend import TensorRtBackend, TensorRtOptions
from .gpu import limits_row, visible_gpus
from .limits import LIMITS, device_limits
from .shapes import BatchRange
from .timing_cache import TimingCache

__all__ = [
    "LIMITS",
    "BatchRange",
    "ModuleTimes",
    "TensorRtBackend",
    "TensorRtOptions",
    "TimingCache",
    "attribute",
    "device_limits",
    "limits_row",
    "visible_gpus",
]
