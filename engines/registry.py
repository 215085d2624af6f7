"""The engines by name."""

from __future__ import annotations

from collections.abc import Sequence

from .base import Backend
from .errors import EngineBuildError, EngineUnavailableError, UnknownEngineError
from .fake import FakeBackend
from .onnxruntime import OnnxRuntimeBackend
from .openvino import OpenVinoBackend
from .options import Configurable
from .tensorrt import TensorRtBackend
from .torch import TorchBackend

BACKENDS: dict[str, Backend] = {
    "onnxruntime": OnnxRuntimeBackend(),
    "openvino": OpenVinoBackend(),
    "torch": TorchBackend(),
    "tensorrt": TensorRtBackend(),
    "fake": FakeBackend(),
}


def get_backend(name: str, options: Sequence[str] = ()) -> Backend:
    """Return the named backend, ready to build.

    Args:
        name: A key of :data:`BACKENDS`.
        options: How it builds, each ``NAME=VALUE``; its defaults where nothing is said.

    Raises:
        UnknownEngineError: No backend has the name; the message lists those that exist.
        EngineBuildError: An option is none that it takes; the message lists those.
        EngineUnavailableError: It cannot be used here; the message says what to install.
    """
    if name not in BACKENDS:
        raise UnknownEngineError(f"unknown engine {name!r}; known are {', '.join(BACKENDS)}")
    backend = BACKENDS[name]
    if options:
        backend = _configured(name, backend, options)
    reason = backend.unavailable_reason()
    if reason is not None:
        raise EngineUnavailableError(f"engine {name!r} cannot be used here: {reason}")
    return backend


def _configured(name: str, backend: Backend, options: Sequence[str]) -> Backend:
    if not isinstance(backend, Configurable):
        raise EngineBuildError(f"engine {name!r} takes no options, got {', '.join(options)}")
    return backend.with_options(options)
