"""What builds and runs engines on one GPU: the TensorRT, the CUDA package and the GPU at hand."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..device import DeviceInfo, parse_device
from ..errors import EngineDeviceError, EngineReleaseError
from ..options import options_text
from .api import Api
from .cuda import Cuda, Gpu, load_cuda
from .gpu import describe_gpu, gpu_index
from .options import OPTIONS, TensorRtOptions
from .record import BuildRecord, capability_text
from .releases import load_api


@dataclass(frozen=True, slots=True)
class Installed:
    """Hold what was found for one GPU.

    Attributes:
        api: What drives the installed release.
        cuda: What drives the GPU.
        index: Number of the GPU as CUDA counts.
        gpu: The GPU.
        device: The same with its driver, as engines record it.
    """

    api: Api
    cuda: Cuda
    index: int
    gpu: Gpu
    device: DeviceInfo

    def described(self, version: str, options: TensorRtOptions) -> DeviceInfo:
        """Return the device as engines of a version and of some options have it."""
        texts = options_text(OPTIONS, options)
        return replace(self.device, engine_version=version, options=texts)

    def check(self, record: BuildRecord) -> None:
        """Check that a plan is for the TensorRT and the GPU at hand.

        Raises:
            EngineReleaseError: It is for another release.
            EngineDeviceError: It is for another compute capability.
        """
        if record.tensorrt != self.api.version:
            raise EngineReleaseError(
                f"the plan was built by TensorRT {record.tensorrt}, which alone loads it; "
                f"installed is {self.api.version}"
            )
        capability = capability_text(self.gpu.capability)
        if record.capability != capability:
            raise EngineDeviceError(
                f"the plan was built for compute capability {record.capability}, this GPU "
                f"({self.gpu.name}) has {capability}"
            )


def find_installed(device: str, options: TensorRtOptions) -> Installed:
    """Load TensorRT and CUDA and look at a GPU.

    Args:
        device: ``cuda`` or ``cuda:1``.
        options: Say which package drives CUDA.

    Raises:
        EngineBuildError: ``device`` is the CPU, or no device name.
        EngineUnavailableError: Something is missing, or the GPU does not run this TensorRT.
    """
    index = gpu_index(*parse_device(device), device)
    api, cuda = load_api(), load_cuda(options.cuda)
    gpu, info = describe_gpu(cuda, index, api.version, api.version)
    return Installed(api, cuda, index, gpu, info)
