"""The engines by name."""

from __future__ import annotations

from .base import Backend
from .errors import EngineUnavailableError, UnknownEngineError
from .fake import FakeBackend
from .onnxruntime import OnnxRuntimeBackend
from .openvino import OpenVinoBackend
from .tensorrt import TensorRtBackend
from .torch import TorchBackend

BACKENDS: dict[str, Backend] = {
    "onnxruntime": OnnxRuntimeBackend(),
    "openvino": OpenVinoBackend(),
    "torch": TorchBackend(),
    "tensorrt": TensorRtBackend(),
    "fake": FakeBackend(),
}


def get_backend(name: str) -> Backend:
    """Return the named backend, ready to build.

    Raises:
        UnknownEngineError: No backend has the name; the message lists those that exist.
        EngineUnavailableError: It cannot be used here; the message says what to install.
    """
    if name not in BACKENDS:
        raise UnknownEngineError(f"unknown engine {name!r}; known are {', '.join(BACKENDS)}")
    reason = BACKENDS[name].unavailable_reason()
    if reason is not None:
        raise EngineUnavailableError(f"engine {name!r} cannot be used here: {reason}")
    return BACKENDS[name]
