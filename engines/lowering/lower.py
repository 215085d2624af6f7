"""A model in the precision that an engine is asked for; loads onnx only where it converts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ..base import Arrays, Model
from ..errors import EngineBuildError

FULL = "fp32"


@runtime_checkable
class WrittenIn(Protocol):
    """A model that says which precision its graph is written in already."""

    @property
    def written_in(self) -> str:
        """Return ``fp32``, ``fp16`` or ``int8``."""


@dataclass(frozen=True, slots=True)
class Lowered:
    """Hold a model as an engine takes it.

    Attributes:
        content: The serialised ONNX model.
        warnings: What was not done as asked, in sentences.
    """

    content: bytes
    warnings: tuple[str, ...] = ()


def written_in(model: Model) -> str:
    """Return the precision that a model's graph is written in; ``fp32`` if it does not say."""
    return model.written_in if isinstance(model, WrittenIn) else FULL


def lower(
    model: Model,
    precision: str,
    calibration: Iterable[Arrays] | None = None,
    *,
    native: bool = False,
) -> Lowered:
    """Return a model's graph in a precision; untouched where it is written in it.

    Args:
        model: What to run.
        precision: ``fp32``, ``fp16`` or ``int8``.
        calibration: For int8: arrays by input name, one mapping per batch. If None the model's
            example inputs: their latency is right, their accuracy is not.
        native: Whether int8 is written for onnxruntime's own kernels, instead of for every engine.

    Raises:
        EngineBuildError: The graph is written in another precision, or cannot be converted.
    """
    written = written_in(model)
    if precision == written:
        return Lowered(model.onnx_bytes())
    if written != FULL:
        raise EngineBuildError(
            f"the graph of model {model.name!r} is written in {written} and cannot become "
            f"{precision}; build precision {written}, or give the model in {FULL}"
        )
    if precision == "fp16":
        return _half(model.onnx_bytes())
    batches = (model.example_inputs(),) if calibration is None else calibration
    quantized = _natively_quantized if native else _quantized
    return Lowered(quantized(model.onnx_bytes(), batches))


def _half(content: bytes) -> Lowered:
    import onnx

    from .half import MAX_HALF, half_nodes, largest_weights, to_half
    from .nodes import prepared_model

    content = prepared_model(content)
    graph = onnx.load_from_string(content).graph
    largest = largest_weights(graph, half_nodes(graph))
    beyond = [name for name, reach in largest.items() if not reach <= MAX_HALF]
    warnings = tuple(
        f"node {name!r} stays in fp32: its weights reach {largest[name]:g}, beyond half precision "
        f"({MAX_HALF:g})"
        for name in beyond
    )
    return Lowered(to_half(content, half_nodes(graph, beyond)), warnings)


def _quantized(content: bytes, batches: Iterable[Arrays]) -> bytes:
    import onnx

    from .calibration import calibrate
    from .nodes import prepared_model
    from .quantized import quantizable, with_quantization

    content = prepared_model(content)
    nodes = quantizable(onnx.load_from_string(content).graph)
    return with_quantization(content, calibrate(content, batches), nodes) if nodes else content


def _natively_quantized(content: bytes, batches: Iterable[Arrays]) -> bytes:
    from .calibration import calibrate
    from .native import NATIVE_OPERATORS, with_native_quantization
    from .nodes import prepared_model

    content = prepared_model(content)
    ranges = calibrate(content, batches, operators=NATIVE_OPERATORS)
    return with_native_quantization(content, ranges)
