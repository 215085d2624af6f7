"""The engines by name."""

from __future__ import annotations

from .base import Backend
from .errors import EngineUnavailableError, UnknownEngineError
from .fake import FakeBackend
from .onnxruntime import OnnxRuntimeBackend
from .openvino import OpenVinoBackend
from .torch import TorchBackend

BACKENDS: dict[str, Backend] = {
    "onnxruntime": OnnxRuntimeBackend(),
    "openvino": OpenVinoBackend(),
    "torch": TorchBackend(),
    "fake": FakeBackend(),
}

# Runtimes that detfit knows and has a place for, but does not drive yet.
NOT_YET = {
    "tensorrt": (
        "this version of detfit builds no TensorRT engines yet; use engine 'torch' for a CUDA "
        "device. What the coming engine needs installs with pip install 'detfit[tensorrt]' "
        "(on a V100: 'detfit[tensorrt-v100]')"
    ),
}


def get_backend(name: str) -> Backend:
    """Return the named backend, ready to build.

    Raises:
        UnknownEngineError: No backend has the name; the message lists those that exist.
        EngineUnavailableError: It cannot be used here, or not yet; the message says what to
            install.
    """
    if name in NOT_YET:
        raise EngineUnavailableError(f"engine {name!r} cannot be used here: {NOT_YET[name]}")
    if name not in BACKENDS:
        raise UnknownEngineError(f"unknown engine {name!r}; known are {', '.join(BACKENDS)}")
    reason = BACKENDS[name].unavailable_reason()
    if reason is not None:
        raise EngineUnavailableError(f"engine {name!r} cannot be used here: {reason}")
    return BACKENDS[name]
