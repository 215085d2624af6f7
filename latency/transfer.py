"""Bring what is known of one device or engine to another by few measurements.

What layers take elsewhere stands in the place of what work they do: the new device's times are
fitted to them, family by family, and departures are learnt as on any device. The probes are whole
detectors, chosen one after another for what they tell about all others of the space.

Few-shot transfer as in HELP (Lee et al., NeurIPS 2021) and NASFLAT (Akhauri and Abdelfattah, MLSys
2024), without their pool of devices: one table is enough.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines import TimingProtocol
from searchspaces import SearchSpace

from .active import ActiveAgenda, Aim
from .errors import ProfileError
from .fitting import basis_of
from .joint import equation_of
from .plan import sample_distinct
from .predictor import Predictor
from .workload import DETECTOR, Workload

PROBES_PER_SAMPLE = 4
"""Detectors to choose from for each that is measured."""

LEAST_SAMPLES = 5  # below, nothing can be left out to see how good the transfer is


def transfer_agenda(
    source: Predictor,
    spaces: Sequence[SearchSpace],
    samples: int,
    protocol: TimingProtocol,
    seed: int = 0,
) -> ActiveAgenda:
    """Return what to measure on a new device: a few whole detectors.

    Args:
        source: Fitted on the device that is known.
        spaces: Whose detectors are to be predicted; probes are spread over them.
        samples: How many measurements.
        protocol: How they will be taken.
        seed: Draws the detectors to choose from.

    Raises:
        ProfileError: There are too few samples.
        PredictorError: The source knows modules alone.
    """
    if samples < LEAST_SAMPLES:
        raise ProfileError(f"samples must be at least {LEAST_SAMPLES}, got {samples}")
    rng = np.random.default_rng(seed)
    share = -(-PROBES_PER_SAMPLE * samples // len(spaces))
    workloads = [work for space in spaces for work in _detectors(space, share, source, rng)]
    order = rng.permutation(len(workloads))
    workloads = [workloads[int(index)] for index in order]
    aim = Aim(tuple(equation_of(workload.graph, whole=True) for workload in workloads))
    basis = basis_of(source)
    return ActiveAgenda(workloads, aim, protocol, 1, most=samples, basis=basis)


def _detectors(
    space: SearchSpace, count: int, source: Predictor, rng: np.random.Generator
) -> list[Workload]:
    manifest = source.manifest
    batch, precision = manifest.batch, manifest.protocol.precision
    return [
        Workload(
            DETECTOR,
            f"{space.name}:{space.encode(arch)}",
            space.detector(arch).graph(batch, precision),
        )
        for arch in sample_distinct(space, count, rng)
    ]
