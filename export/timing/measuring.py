"""Measure an exported engine on real images, and again where the machine was not quiet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from engines import EngineError, LayerProfiler, measure_in_turns
from latency import ProfileError, Sentinel, Visit
from searchspaces import IMAGE

from ..gate.latency import P99
from ..records.percentiles import samples_for
from .engine_times import EngineTimes, best_of, doubts_of
from .stages import PHOTOGRAPHS, SECONDS, choose_images, time_stages

if TYPE_CHECKING:
    from engines import Backend, Engine, LayerTime, Measurement, TimingProtocol

    from ..comparison.data import EvaluationData
    from ..running.session import Session

ATTEMPTS = 3
"""Measurements taken at most, until one has nothing that speaks against it."""

P99_SECONDS = 60.0
"""What sampling may take where the budget is about the 99th percentile, which takes hundreds."""

SINGLE_RUN_MS = 1e-3
"""Least time of a block at which every block is one run: percentiles are then of runs."""

Inputs = Mapping[str, npt.NDArray[Any]]


def time_engine(
    session: Session[Engine],
    data: EvaluationData | None,
    protocol: TimingProtocol,
    backend: Backend,
    *,
    device: str,
    profile: bool,
) -> EngineTimes:
    """Measure an engine alone, stage by stage among pre- and postprocessing, and by layers.

    Args:
        session: The engine with its pre- and postprocessing.
        data: Real images; without them the engine is measured on made-up input.
        protocol: How to measure.
        backend: Builds the sentinel that is timed beside the engine.
        device: Where the engine runs: ``cpu`` or ``cuda:0``.
        profile: Whether to time the layers too.

    Raises:
        DatasetError: An image is damaged.
        DetectError: The engine gives something else than detections.
        EngineError: The engine cannot be run or measured.
    """
    engine, notes = session.engine, []
    inputs = None if data is None else photographs(data, session)
    with ExitStack() as stack:
        sentinel: Sentinel | None = None
        try:
            sentinel = stack.enter_context(
                Sentinel(
                    backend, precision=engine.precision, threads=engine.threads, device=device
                )
            )
        except ProfileError as error:
            notes.append(str(error))
        visits = visit_engine(engine, protocol, inputs, sentinel)
    layers: tuple[LayerTime, ...] = ()
    if profile:
        layers, note = profile_layers(engine, inputs, best_of(visits).measurement)
        notes.extend(note)
    end_to_end = None
    if data is not None:
        end_to_end = time_stages(session, data, seconds=min(protocol.max_seconds, SECONDS))
    key = sentinel.key if sentinel else None
    return EngineTimes(visits, key, end_to_end, layers, tuple(notes))


def measure_engine(
    engine: Engine, protocol: TimingProtocol, inputs: Inputs | None = None
) -> Measurement:
    """Measure an engine on one input; where the machine was not quiet, up to twice again.

    Returns:
        The measurement with the least against it.

    Raises:
        MeasurementError: The protocol is not the engine's.
        EngineError: The engine cannot be run.
    """
    sets = None if inputs is None else [inputs]
    return best_of(visit_engine(engine, protocol, sets)).measurement


def visit_engine(
    engine: Engine,
    protocol: TimingProtocol,
    inputs: Sequence[Inputs] | None = None,
    sentinel: Sentinel | None = None,
) -> tuple[Visit, ...]:
    """Measure an engine; where the machine was not quiet, up to twice again.

    Args:
        engine: Built with the protocol's threads and precision.
        protocol: How to measure.
        inputs: Sets of arrays that samples take in turns; the model's example inputs if ``None``.
        sentinel: Timed beside the engine; without it drift is seen in the samples alone.

    Returns:
        Every measurement, in the order taken; the last one is good, or none is.

    Raises:
        MeasurementError: The protocol is not the engine's.
        EngineError: The engine cannot be run.
    """
    visits: list[Visit] = []
    for _ in range(ATTEMPTS):
        if sentinel is not None:
            visits.append(sentinel.visit(engine, protocol, inputs))
        else:
            visits.append(Visit(measure_in_turns(engine, protocol, inputs)))
        if not doubts_of(visits[-1]):
            break
    return tuple(visits)


def profile_layers(
    engine: Engine, inputs: Sequence[Inputs] | None, measurement: Measurement
) -> tuple[tuple[LayerTime, ...], tuple[str, ...]]:
    """Time an engine's layers on the image that takes the median of its time.

    Returns:
        The layers; or none, and why not.
    """
    if not isinstance(engine, LayerProfiler):
        return (), (f"engine {engine.device.engine} does not tell what its layers take",)
    middle = None if inputs is None else inputs[_median_input(measurement)]
    try:
        return engine.layer_times(middle), ()
    except EngineError as error:
        return (), (f"the layers could not be timed: {error}",)


def budget_protocol(protocol: TimingProtocol, budget_on: str) -> TimingProtocol:
    """Return a protocol that takes as many samples as what the budget is about needs."""
    if budget_on != P99:
        return protocol
    least = samples_for(0.99)
    return replace(
        protocol,
        min_samples=max(protocol.min_samples, least),
        max_samples=max(protocol.max_samples, 2 * least),
        max_seconds=max(protocol.max_seconds, P99_SECONDS),
        min_block_ms=SINGLE_RUN_MS,
    )


def photographs(data: EvaluationData, session: Session[Any]) -> tuple[Inputs, ...]:
    """Return inputs of distinct real images: how long box selection takes depends on them."""
    groups = choose_images(data, session.batch, PHOTOGRAPHS)
    return tuple(
        {IMAGE: session.prepare([data.dataset.load(image) for image in group])[0]}
        for group in groups
    )


def first_images(data: EvaluationData, batch: int) -> Inputs:
    """Return a batch of real images, the first ones."""
    images = data.annotations.images
    preprocess = data.dataset.preprocess
    arrays = [
        preprocess.apply(data.dataset.load(images[i % len(images)]))[0] for i in range(batch)
    ]
    return {IMAGE: np.stack(arrays)}


def _median_input(measurement: Measurement) -> int:
    medians = measurement.per_input_medians()
    return sorted(range(len(medians)), key=medians.__getitem__)[len(medians) // 2]
