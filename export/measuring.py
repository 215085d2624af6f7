"""Measure an exported engine on real images, and again where the machine was not quiet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from searchspaces import IMAGE

if TYPE_CHECKING:
    from engines import Engine, Measurement, TimingProtocol

    from .evaluation import EvaluationData

ATTEMPTS = 3
"""Measurements taken at most, until one has nothing that speaks against it."""

Inputs = Mapping[str, npt.NDArray[Any]]


def measure_engine(
    engine: Engine, protocol: TimingProtocol, inputs: Inputs | None = None
) -> Measurement:
    """Measure an engine; where a measurement is unstable, up to twice again.

    Returns:
        The first stable measurement, else the one with the fewest reasons against it.

    Raises:
        MeasurementError: The protocol is not the engine's.
    """
    taken: list[Measurement] = []
    for _ in range(ATTEMPTS):
        taken.append(engine.measure(protocol, inputs))
        if not taken[-1].unstable_reasons():
            break
    return min(taken, key=lambda measurement: len(measurement.unstable_reasons()))


def first_images(data: EvaluationData, batch: int) -> Inputs:
    """Return a batch of real images: how long box selection takes depends on what is found."""
    images = data.annotations.images
    preprocess = data.dataset.preprocess
    arrays = [
        preprocess.apply(data.dataset.load(images[i % len(images)]))[0] for i in range(batch)
    ]
    return {IMAGE: np.stack(arrays)}
