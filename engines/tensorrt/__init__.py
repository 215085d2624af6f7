"""TensorRT on NVIDIA GPUs, 8.6.1 to 11; loads neither tensorrt nor CUDA before it is used."""

from .backend import TensorRtBackend
from .cuda import installed_packages, load_cuda
from .gpu import limits_row, visible_gpus
from .limits import LIMITS, device_limits
from .options import TensorRtOptions
from .shapes import BatchRange
from .support import support_rows
from .timing_cache import TimingCache

__all__ = [
    "LIMITS",
    "BatchRange",
    "TensorRtBackend",
    "TensorRtOptions",
    "TimingCache",
    "device_limits",
    "installed_packages",
    "limits_row",
    "load_cuda",
    "support_rows",
    "visible_gpus",
]
