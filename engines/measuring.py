"""Turn what timers gave into measurements: of engines side by side, or beside a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .cache import ColdTimer, cache_flusher
from .clocks import ClockReading, Clocks, read_clocks
from .device import DeviceInfo
from .errors import MeasurementError
from .measurement import Measurement
from .processors import OthersClock, usable_processors
from .protocol import COLD, TimingProtocol
from .timing import Sampler, Timing, reference_sampler, time_beside, time_interleaved

if TYPE_CHECKING:
    from .base import Engine

Inputs = Mapping[str, npt.NDArray[Any]]


def measure_interleaved(
    engines: Sequence[Engine],
    protocol: TimingProtocol,
    inputs: Sequence[Inputs | None] | None = None,
    *,
    rng: np.random.Generator | None = None,
) -> list[Measurement]:
    """Measure engines side by side in randomly ordered rounds, so that drift hits all alike.

    Args:
        engines: Engines built with the protocol's threads and precision.
        protocol: How to measure.
        inputs: One mapping of arrays per engine; None for the model's example inputs.
        rng: Order of the rounds; seed 0 if None.

    Returns:
        One measurement per engine, in the order of ``engines``.

    Raises:
        MeasurementError: An engine was built for other threads or another precision, ``inputs``
            has another length than ``engines``, or caches cannot be emptied.
        EngineInputError: Arrays do not fit an engine's inputs.
    """
    given = [None] * len(engines) if inputs is None else list(inputs)
    if len(given) != len(engines):
        raise MeasurementError(f"{len(engines)} engines but {len(given)} inputs; give one each")
    samplers = [
        _sampler(engine, protocol, [arrays]) for engine, arrays in zip(engines, given, strict=True)
    ]
    visit = _Visit([engine.device for engine in engines])
    timings = time_interleaved(samplers, rng or np.random.default_rng(0), visit.begin)
    visit.end()
    return [
        visit.measurement(timing, protocol, engine.device)
        for engine, timing in zip(engines, timings, strict=True)
    ]


def measure_beside(
    engine: Engine,
    reference: Engine,
    protocol: TimingProtocol,
    inputs: Sequence[Inputs] | None = None,
) -> tuple[Measurement, tuple[float, ...]]:
    """Measure an engine while a reference, timed in alternation, tells how fast the machine is.

    Args:
        engine: Built with the protocol's threads and precision.
        reference: The same; of a fixed model.
        protocol: How to measure; the reference is always timed with warm caches.
        inputs: Sets of arrays that samples take in turns; the model's example inputs if None.

    Returns:
        The measurement of the engine, and the reference's milliseconds in the order taken.

    Raises:
        MeasurementError: An engine was built for other threads or another precision, ``inputs``
            is empty, or caches cannot be emptied.
        EngineInputError: Arrays do not fit the engine's inputs.
    """
    check_protocol(reference, protocol)
    sets = _sets(inputs)
    sampler = _sampler(engine, protocol, sets)
    visit = _Visit([engine.device])
    timing, beside = time_beside(
        sampler, reference_sampler(reference.timer(), protocol), visit.begin
    )
    visit.end()
    return visit.measurement(timing, protocol, engine.device, len(sets)), beside.raw_ms


def measure_in_turns(
    engine: Engine, protocol: TimingProtocol, inputs: Sequence[Inputs] | None = None
) -> Measurement:
    """Measure an engine on sets of inputs that samples take in turns.

    Args:
        engine: Built with the protocol's threads and precision.
        protocol: How to measure.
        inputs: The sets; the model's example inputs if None.

    Raises:
        MeasurementError: The engine was built for other threads or another precision, ``inputs``
            is empty, or caches cannot be emptied.
        EngineInputError: Arrays do not fit the engine's inputs.
    """
    sets = _sets(inputs)
    sampler = _sampler(engine, protocol, sets)
    visit = _Visit([engine.device])
    (timing,) = time_interleaved([sampler], np.random.default_rng(0), visit.begin)
    visit.end()
    return visit.measurement(timing, protocol, engine.device, len(sets))


def check_protocol(engine: Engine, protocol: TimingProtocol) -> None:
    """Raise :class:`MeasurementError` unless the engine was built as the protocol measures."""
    for name in ("threads", "precision"):
        built, asked = getattr(engine, name), getattr(protocol, name)
        if built != asked:
            raise MeasurementError(
                f"the engine was built with {name}={built!r} but the protocol says "
                f"{name}={asked!r}; build it with {name}={asked!r} or change the protocol"
            )


def _sets(inputs: Sequence[Inputs] | None) -> list[Inputs | None]:
    if inputs is not None and not inputs:
        raise MeasurementError("inputs is empty; give at least one set, or None")
    return [None] if inputs is None else list(inputs)


def _sampler(engine: Engine, protocol: TimingProtocol, sets: Sequence[Inputs | None]) -> Sampler:
    check_protocol(engine, protocol)
    timers = [engine.timer(arrays) for arrays in sets]
    if protocol.cache != COLD:
        return Sampler(timers, protocol)
    flush = cache_flusher(engine.device)
    cold = [ColdTimer(timer, flush) for timer in timers]
    return Sampler(cold, protocol, cold[0].untimed_ms)


class _Visit:
    """Watch the machine from its making to :meth:`end`, its clocks from :meth:`begin` on.

    Clocks are read after the warm-up: idle GPUs run slower.
    """

    def __init__(self, devices: Sequence[DeviceInfo]) -> None:
        self._devices = {device.uuid: device for device in devices}
        self._started = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._others, self._processors = OthersClock(), usable_processors()
        self._busy: float | None = None
        self._before: dict[str, ClockReading | None] = {}
        self._after: dict[str, ClockReading | None] = {}

    def begin(self) -> None:
        self._before = self._read()

    def end(self) -> None:
        self._busy = self._others.busy()
        self._after = self._read()

    def measurement(
        self, timing: Timing, protocol: TimingProtocol, device: DeviceInfo, inputs: int = 1
    ) -> Measurement:
        before, after = self._before[device.uuid], self._after[device.uuid]
        return Measurement(
            raw_ms=timing.raw_ms,
            warmup_ms=timing.warmup_ms,
            block_runs=timing.block_runs,
            protocol=protocol,
            device=device,
            converged=timing.converged,
            steady=timing.steady,
            started_at=self._started,
            others_busy=self._busy,
            processors=self._processors,
            inputs=inputs,
            clocks=Clocks(before, after) if before and after else None,
        )

    def _read(self) -> dict[str, ClockReading | None]:
        return {uuid: read_clocks(device) for uuid, device in self._devices.items()}
