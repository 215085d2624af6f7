"""PyTorch itself, on the CPU and on CUDA devices."""

from .backend import TorchBackend
from .options import TorchOptions

__all__ = ["TorchBackend", "TorchOptions"]
