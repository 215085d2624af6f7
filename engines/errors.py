"""Errors of the engines.

EngineError
├── UnknownEngineError        an engine name that is not registered
├── EngineUnavailableError    the engine is known, but its package or its hardware is missing
├── EngineBuildError          an engine cannot be built like this, cannot be saved, or is closed
│   ├── EngineDeviceError     a saved engine that was built for another kind of device
│   └── EngineReleaseError    a saved engine that another release of its runtime built
├── EngineInputError          arrays that do not fit the model's inputs
├── EngineRunError            the runtime itself failed while it ran the model
├── OnnxExportError           a torch module that cannot be written as a valid ONNX model
└── MeasurementError          a protocol, device or measurement that is invalid or does not fit
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class EngineError(Exception):
    """Base of every error that the room raises."""


class UnknownEngineError(EngineError):
    """An engine name is not registered."""


class EngineUnavailableError(EngineError):
    """An engine cannot be used here; the message carries what to install."""


class EngineBuildError(EngineError):
    """An engine cannot be built, saved or used as asked."""


class EngineDeviceError(EngineBuildError):
    """A saved engine was built for another kind of device than the one at hand."""


class EngineReleaseError(EngineBuildError):
    """A saved engine was built by another release of its runtime than the one at hand."""


class EngineInputError(EngineError):
    """Arrays do not fit the inputs of the model."""


class EngineRunError(EngineError):
    """The runtime failed while it ran the model."""


class OnnxExportError(EngineError):
    """A torch module cannot be written as a valid ONNX model."""


class MeasurementError(EngineError):
    """A protocol, a device or a measurement is invalid, or does not fit the engine."""


@contextmanager
def foreign_errors(kind: type[EngineError], message: str) -> Iterator[None]:
    """Raise what a runtime or a user's module raises inside as ``kind``, with its cause.

    Runtimes share no exception but ``Exception``, so everything is translated but the room's own
    errors and what ends a program (``KeyboardInterrupt``).

    Args:
        kind: Error to raise instead.
        message: What failed; the original message follows after a colon.
    """
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise kind(f"{message}: {reason}") from error
