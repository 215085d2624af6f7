"""PyTorch itself, on the CPU and on CUDA devices."""

from .backend import TorchBackend

__all__ = ["TorchBackend"]
