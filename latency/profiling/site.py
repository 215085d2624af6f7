"""Where a profile's workloads are measured: build, time beside the sentinel, refuse.

A profile asks a site for one row after another and writes each into its table before it asks for
the next. A site may be on another machine than the table: it is told all that a visit needs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Protocol

from engines import (
    CHAINED,
    Backend,
    DeviceInfo,
    Engine,
    EngineError,
    Measurement,
    TimingProtocol,
    measure_beside,
    overload_reason,
)

from ..errors import NotQuietError, ProfileError
from ..recording.recording import Recording
from ..tables.row import Row
from ..workloads.sentinel import Reading, sentinel_workload
from ..workloads.workload import MODULE, Workload, WorkloadModel
from .agenda import Task
from .config import ProfileConfig
from .model_cache import CachedModel, ModelCache

_SOFTWARE = ("detfit", "torch", "torchvision", "onnx", "onnxruntime", "numpy")

Models = Callable[[Workload], WorkloadModel]


class Site(Protocol):
    """Measure workloads on one device, one at a time."""

    @property
    def device(self) -> DeviceInfo:
        """Return what is measured."""
        ...

    @property
    def sentinel_key(self) -> str:
        """Return the key of what is timed beside every workload."""
        ...

    @property
    def software(self) -> Mapping[str, str]:
        """Return the versions of what makes the models there."""
        ...

    def require_quiet(self) -> None:
        """Refuse to start on an overloaded machine, unless the profile is exploratory.

        Raises:
            NotQuietError: Other programs take what the measurements need.
        """
        ...

    def visit(self, task: Task, attempt: int, usual_ms: float | None) -> Row:
        """Build a workload's engine and measure it once; a failure is a row, too.

        Args:
            task: What to time.
            attempt: Which visit of this replicate, from 0.
            usual_ms: What the sentinel took in the visits before; ``None`` if there were none.
        """
        ...

    def finish(self) -> None:
        """Delete what is kept for a profile that goes on: it is over."""
        ...

    def close(self) -> None:
        """Free the device."""
        ...


OpenSite = Callable[[Recording | None, str | None], Site]
"""Opens a site, given the inputs of data-dependent modules and the hash of their file."""


def site_here(
    backend: Backend, config: ProfileConfig, table: Path | str, models: Models | None = None
) -> OpenSite:
    """Return what opens a device of this machine.

    Args:
        backend: The engine.
        config: How to measure.
        table: ONNX models are kept beside it until the profile is over.
        models: Makes the model of a workload; by default with seeded weights and the recorded
            inputs.

    Raises:
        ProfileError: The engine is not available here.
    """
    reason = backend.unavailable_reason()
    if reason:
        raise ProfileError(f"engine {backend.name} cannot be used here: {reason}")
    return partial(_opened, backend, config, Path(table), models)


def _opened(
    backend: Backend,
    config: ProfileConfig,
    table: Path,
    models: Models | None,
    recording: Recording | None,
    inputs: str | None,
) -> Site:
    software = _software()
    cache = ModelCache.beside(table, json.dumps([config.seed, software, inputs]))
    models = models or partial(WorkloadModel, seed=config.seed, recording=recording)
    return LocalSite(backend, config, models, cache, software)


class LocalSite:
    """Be a device of this machine.

    Args:
        backend: The engine.
        config: How to measure.
        models: Makes the model of a workload.
        cache: Keeps ONNX models.
        software: Versions of what makes the models.

    Raises:
        ProfileError: The engine cannot build the sentinel.
    """

    def __init__(
        self,
        backend: Backend,
        config: ProfileConfig,
        models: Models,
        cache: ModelCache,
        software: Mapping[str, str],
    ) -> None:
        self._backend = backend
        self._config = config
        self._models = models
        self._cache = cache
        self.software = software
        workload = sentinel_workload(config.protocol.precision)
        self.sentinel_key = workload.key
        try:
            self._sentinel = self._build(self._model(workload))
        except (EngineError, RuntimeError) as error:
            raise ProfileError(
                f"engine {backend.name} cannot build the sentinel, a few convolutions that are "
                f"timed beside everything: {error}"
            ) from error

    @property
    def device(self) -> DeviceInfo:
        """Return what is measured."""
        return self._sentinel.device

    def require_quiet(self) -> None:
        """Refuse to start on an overloaded machine, unless the profile is exploratory.

        Raises:
            NotQuietError: Other programs take what the measurements need.
        """
        if self._config.exploratory:
            return
        reason = overload_reason(self.device, self._config.protocol.threads)
        if reason:
            raise NotQuietError(
                f"nothing measured now would be right: {reason}; stop them, or go on by "
                "--exploratory, which every row will then say"
            )

    def finish(self) -> None:
        """Delete the models that are kept."""
        self._cache.clear()

    def close(self) -> None:
        """Free the sentinel's engine."""
        self._sentinel.close()

    def visit(self, task: Task, attempt: int, usual_ms: float | None) -> Row:
        """Build a workload's engine and measure it once; a failure is a row, too."""
        workload, exploratory = task.workload, self._config.exploratory
        model = self._model(workload)
        try:
            with self._build(model) as engine:
                measured, beside_ms = measure_beside(
                    engine, self._sentinel, self._protocol(workload), model.input_sets()
                )
                warnings = tuple(getattr(engine, "warnings", ()))  # others' engines may have none
        except (EngineError, RuntimeError) as error:  # a runtime's own errors included
            reason = f"{type(error).__name__}: {error}"
            return Row(workload, task.replicate, None, reason, attempt, exploratory=exploratory)
        reading = Reading.of(beside_ms)
        return Row(
            workload,
            task.replicate,
            measured,
            attempt=attempt,
            refused=refusal(measured, reading, usual_ms),
            exploratory=exploratory,
            sentinel_ms=reading.ms,
            sentinel_drift=reading.drift,
            warnings=warnings,
        )

    def _protocol(self, workload: Workload) -> TimingProtocol:
        protocol = self._config.protocol
        return protocol if workload.role == MODULE else replace(protocol, cache=CHAINED)

    def _model(self, workload: Workload) -> CachedModel:
        return CachedModel(self._models(workload), workload.key, self._cache)

    def _build(self, model: CachedModel) -> Engine:
        return self._backend.build(
            model,
            precision=self._config.protocol.precision,
            threads=self._config.protocol.threads,
            device=self._config.device,
        )


def refusal(measured: Measurement, reading: Reading, usual_ms: float | None = None) -> str | None:
    """Return why a visit must not count; None if it may.

    The machine changed its speed (by the sentinel), other programs took processors that the
    measurement needed, or the device says that it was slowed down.

    Args:
        measured: The workload.
        reading: The sentinel beside it.
        usual_ms: What the sentinel took in the visits before; ``None`` if there were none.
    """
    throttled = measured.clocks.throttled() if measured.clocks else None
    reasons = [r for r in (measured.contention(), throttled, reading.refusal(usual_ms)) if r]
    return "; ".join(reasons) or None


def _software() -> dict[str, str]:
    versions = {}
    for name in _SOFTWARE:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
