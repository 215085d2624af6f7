"""ONNX Runtime on the CPU."""

from .backend import OnnxRuntimeBackend

__all__ = ["OnnxRuntimeBackend"]
