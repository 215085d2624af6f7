"""Time an engine that was built elsewhere the way a profile times its workloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy.typing as npt

from engines import (
    Backend,
    Closing,
    Engine,
    EngineError,
    Measurement,
    TimingProtocol,
    measure_beside,
)

from ..errors import ProfileError
from ..workloads.sentinel import Reading, sentinel_workload
from ..workloads.workload import WorkloadModel
from .site import refusal

Inputs = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Visit:
    """Hold one measurement of an engine, and what the sentinel beside it told.

    Attributes:
        measurement: The samples.
        sentinel_ms: Median of the sentinel; ``None`` without one.
        sentinel_drift: Its change from the first to the last third of the visit.
        refused: Why the visit must not count in a table; ``None`` if it may.
    """

    measurement: Measurement
    sentinel_ms: float | None = None
    sentinel_drift: float | None = None
    refused: str | None = None


class Sentinel(Closing):
    """Keep the sentinel's engine, to time others beside it; a context manager.

    Args:
        backend: Builds it.
        precision: As the engines to be timed are built.
        threads: Likewise.
        device: Likewise.

    Attributes:
        key: Of its graph, as tables name it.

    Raises:
        ProfileError: The engine cannot build the sentinel.
    """

    def __init__(self, backend: Backend, *, precision: str, threads: int, device: str) -> None:
        model = _model(precision)
        self.key = sentinel_workload(precision).key
        try:
            self._engine = backend.build(
                model, precision=precision, threads=threads, device=device
            )
        except (EngineError, RuntimeError) as error:
            raise ProfileError(
                f"engine {backend.name} cannot build the sentinel in {precision}, so that drift "
                f"of the machine is not known: {error}"
            ) from error

    def visit(
        self, engine: Engine, protocol: TimingProtocol, inputs: Sequence[Inputs] | None = None
    ) -> Visit:
        """Measure an engine beside the sentinel.

        Args:
            engine: Of any model, built with the protocol's threads and precision.
            protocol: How to measure.
            inputs: Sets of arrays that samples take in turns; the model's example inputs if None.

        Raises:
            MeasurementError: The engine was built otherwise.
            EngineError: The engine cannot be run.
        """
        measured, beside_ms = measure_beside(engine, self._engine, protocol, inputs)
        reading = Reading.of(beside_ms)
        return Visit(measured, reading.ms, reading.drift, refusal(measured, reading))

    def close(self) -> None:
        """Free the sentinel's engine."""
        self._engine.close()


class _SentinelModel(WorkloadModel):
    """Keep the ONNX form: exporting it takes longer than timing it."""

    def onnx_bytes(self) -> bytes:
        return self._exported

    @cached_property
    def _exported(self) -> bytes:
        return super().onnx_bytes()


@lru_cache(maxsize=3)
def _model(precision: str) -> _SentinelModel:
    return _SentinelModel(sentinel_workload(precision))
