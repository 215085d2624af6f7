"""Where members of a front are measured: an engine is built anew for every visit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from engines import CHAINED, Backend, Closing, DeviceInfo, get_backend, overload_reason
from latency import (
    DETECTOR,
    Manifest,
    Predictor,
    Recording,
    Sentinel,
    Visit,
    Workload,
    WorkloadModel,
    record,
)

from ..errors import RunError

if TYPE_CHECKING:
    from searchspaces import Architecture, SearchSpace

DEFAULT_OPTIONS = "default"  # as `engines.DeviceInfo` writes that nothing was chosen
AT_ONCE = 4
"""Members measured in turns, so that the visits of each are spread over some minutes; also how
many exported models are kept in memory."""

Models = Callable[[Workload], Any]


class Bench(Protocol):
    """Measure whole detectors; the engine is built anew for every visit."""

    @property
    def device(self) -> DeviceInfo:
        """Return what is measured."""
        ...

    @property
    def sentinel(self) -> str | None:
        """Return the key of what is timed beside; ``None`` without it."""
        ...

    def workload(self, architecture: Architecture) -> Workload:
        """Return what is measured of an architecture."""
        ...

    def visit(self, architecture: Architecture) -> Visit:
        """Build an architecture's engine and measure it once.

        Raises:
            EngineError: It cannot be built or run.
        """
        ...


class EngineBench(Closing):
    """Measure as the profile did that a predictor rests on; a context manager.

    Device, engine with its options, precision, threads, batch, protocol, seeded weights and
    recorded inputs are the profile's own, so that measured and predicted mean the same.

    Args:
        predictor: Of the device that is here.
        space: Names the detectors.
        backend: Builds the engines; by default the predictor's, with its options.
        models: Makes the model of a workload; by default with the profile's seed and inputs.
        recording: Inputs of the profile's table, for data-dependent modules; by default scenes
            are generated anew with the profile's seed.

    Raises:
        RunError: The device here, or how the engine builds, is not what was profiled.
        EngineUnavailableError: The engine cannot be used here.
        ProfileError: The engine cannot build the sentinel.
    """

    def __init__(
        self,
        predictor: Predictor,
        space: SearchSpace,
        backend: Backend | None = None,
        models: Models | None = None,
        recording: Recording | None = None,
    ) -> None:
        manifest = predictor.manifest
        self._manifest, self._space = manifest, space
        self._place = "cuda:0" if manifest.device.kind == "cuda" else "cpu"
        self._backend = backend or _backend_of(manifest.device)
        self._device = self._backend.probe(self._place)
        _refuse_other(self._device, manifest.device)
        self._recording = recording
        self._model = lru_cache(maxsize=AT_ONCE)(models or self._whole_model)
        self._protocol = replace(manifest.protocol, cache=CHAINED)
        self._sentinel = Sentinel(
            self._backend,
            precision=manifest.protocol.precision,
            threads=manifest.protocol.threads,
            device=self._place,
        )

    @property
    def device(self) -> DeviceInfo:
        """Return what is measured."""
        return self._device

    @property
    def sentinel(self) -> str | None:
        """Return the key of the sentinel."""
        return self._sentinel.key

    def workload(self, architecture: Architecture) -> Workload:
        """Return the whole detector, of the profile's batch and precision."""
        return whole_workload(self._manifest, self._space, architecture)

    def visit(self, architecture: Architecture) -> Visit:
        """Build an architecture's engine and measure it once beside the sentinel.

        Raises:
            EngineError: It cannot be built or run.
        """
        model = self._model(self.workload(architecture))
        with self._backend.build(
            model,
            precision=self._protocol.precision,
            threads=self._protocol.threads,
            device=self._place,
        ) as engine:
            sets = model.input_sets() if hasattr(model, "input_sets") else None
            return self._sentinel.visit(engine, self._protocol, sets)

    def require_quiet(self) -> None:
        """Refuse to start while other programs take what measurements need.

        Raises:
            RunError: They do; every visit would be refused.
        """
        reason = overload_reason(self._device, self._protocol.threads)
        if reason:
            raise RunError(
                f"nothing measured now would count: {reason}; stop them and certify again"
            )

    def close(self) -> None:
        """Free the sentinel's engine."""
        self._sentinel.close()

    def _whole_model(self, workload: Workload) -> WorkloadModel:
        recording = self._recording
        if recording is None and self._manifest.inputs is not None:
            recording = record([workload.graph], seed=self._manifest.seed)
        return _WholeModel(workload, self._manifest.seed, recording)


class _WholeModel(WorkloadModel):
    """Keep the ONNX form: exporting it takes longer than building from it."""

    def onnx_bytes(self) -> bytes:
        return self._exported

    @cached_property
    def _exported(self) -> bytes:
        return super().onnx_bytes()


def whole_workload(manifest: Manifest, space: SearchSpace, architecture: Architecture) -> Workload:
    """Return an architecture's whole detector, of a profile's batch and precision."""
    graph = space.detector(architecture).graph(manifest.batch, manifest.protocol.precision)
    return Workload(DETECTOR, f"{space.name}:{space.encode(architecture)}", graph)


def _backend_of(device: DeviceInfo) -> Backend:
    options = () if device.options == DEFAULT_OPTIONS else device.options.split()
    return get_backend(device.engine, options)


def _refuse_other(here: DeviceInfo, profiled: DeviceInfo) -> None:
    differing = profiled.differences(here)
    if differing:
        text = "; ".join(f"{name} was {was!r}, is {now!r}" for name, was, now in differing)
        raise RunError(
            f"what is measured here is not what the predictor was profiled on: {text}; certify on "
            "that machine, or profile this one and search with its predictor"
        )
