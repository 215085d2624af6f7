"""Bring what is known of one device or engine to another by few measurements.

What layers take elsewhere stands in the place of what work they do: the new device's times are
fitted to them, family by family, and departures are learnt as on any device. The probes are whole
detectors, chosen one after another for what they tell about all others of the space.

Few-shot transfer as in HELP (Lee et al., NeurIPS 2021) and NASFLAT (Akhauri and Abdelfattah, MLSys
2024), without their pool of devices: one table is enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engines import WARM, Backend, TimingProtocol
from searchspaces import SearchSpace, make_space

from ..errors import ProfileError
from ..joint import equation_of
from ..predictors.fitting import basis_of, fit
from ..predictors.predictor import Predictor
from ..recording.origin import SETS
from ..tables.table import LatencyTable
from ..workloads.workload import DETECTOR, Workload
from .active import ActiveAgenda, Aim
from .config import ProfileConfig
from .plan import sample_distinct
from .profiler import measure
from .session import Progress
from .site import OpenSite, site_here

PROBES_PER_SAMPLE = 4
"""Detectors to choose from for each that is measured."""

LEAST_SAMPLES = 5  # below, nothing can be left out to see how good the transfer is


def transfer(
    source: Predictor,
    backend: Backend,
    path: Path,
    samples: int,
    *,
    device: str = "cpu",
    threads: int | None = None,
    precision: str | None = None,
    seconds: float = 2.0,
    exploratory: bool = False,
    seed: int = 0,
    input_sets: int = SETS,
    images: Path | None = None,
    weights: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> tuple[Predictor, LatencyTable]:
    """Measure a few detectors on another device or engine, and predict all of them there.

    Args:
        source: Fitted on the device that is known; its spaces are those that are predicted.
        backend: The new engine.
        path: The table file of the probes.
        samples: How many detectors to measure.
        device: ``cpu`` or ``cuda:0``.
        threads: CPU threads of the engine; as the source if None.
        precision: As the source if None.
        seconds: At most this long per measurement.
        exploratory: Go on on a machine that is not quiet.
        seed: Draws probes, weights and inputs.
        input_sets: As for :class:`latency.ProfileConfig`, as are the next two.
        images: Folder of photographs to record inputs from; generated scenes if None.
        weights: Trained weights of one detector to record with.
        resume: Go on with an existing file.
        progress: Called with message, measurements done and in all.

    Returns:
        A predictor for the new device, and what was measured.

    Raises:
        ProfileError: The engine is not available, the machine is not quiet, or the samples are
            too few.
        PredictorError: The source knows modules alone, or no probe could be measured.
        TableError: The file exists without ``resume``, or belongs to something else.
    """
    config = transfer_config(
        source,
        device=device,
        threads=threads,
        precision=precision,
        seconds=seconds,
        exploratory=exploratory,
        seed=seed,
        input_sets=input_sets,
        images=images,
        weights=weights,
    )
    site = site_here(backend, config, path)
    return transfer_at(source, site, config, path, samples, resume=resume, progress=progress)


def transfer_config(
    source: Predictor,
    *,
    device: str = "cpu",
    threads: int | None = None,
    precision: str | None = None,
    seconds: float = 2.0,
    exploratory: bool = False,
    seed: int = 0,
    input_sets: int = SETS,
    images: Path | None = None,
    weights: Path | None = None,
) -> ProfileConfig:
    """Return how the probes of a transfer are measured; see :func:`transfer`."""
    manifest = source.manifest
    protocol = replace(
        manifest.protocol,
        threads=threads or manifest.protocol.threads,
        precision=precision or manifest.protocol.precision,
        max_seconds=seconds,
        cache=WARM,  # probes are whole detectors, no modules alone
    )
    return ProfileConfig(
        protocol=protocol,
        device=device,
        batch=manifest.batch,
        modules=False,
        replicates=1,
        seed=seed,
        exploratory=exploratory,
        input_sets=input_sets,
        images=images,
        weights=weights,
    )


def transfer_at(
    source: Predictor,
    site: OpenSite,
    config: ProfileConfig,
    path: Path,
    samples: int,
    *,
    resume: bool = False,
    progress: Progress | None = None,
) -> tuple[Predictor, LatencyTable]:
    """Measure the probes at a site, which may be another machine; see :func:`transfer`.

    Args:
        source: Fitted on the device that is known.
        site: Opens what measures.
        config: As :func:`transfer_config` makes it.
        path: The table file of the probes.
        samples: How many detectors to measure.
        resume: Go on with an existing file.
        progress: Called with message, measurements done and in all.

    Returns:
        A predictor for the new device, and what was measured.

    Raises:
        ProfileError: The engine is not available there, the machine is not quiet, or the samples
            are too few.
        PredictorError: The source knows modules alone, or no probe could be measured.
        TableError: The file exists without ``resume``, or belongs to something else.
    """
    spaces = [_space(made_with) for made_with in source.manifest.spaces]
    agenda = transfer_agenda(source, spaces, samples, config.protocol, config.seed)
    table = measure(
        source.manifest.space,
        site,
        config,
        path,
        agenda=agenda,
        recorded=[workload.graph for workload in agenda.workloads],
        resume=resume,
        progress=progress,
    )
    return fit(table, source=source), table


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
        protocol: How they will be taken; probes are of its precision, whatever the source's is.
        seed: Draws the detectors to choose from.

    Raises:
        ProfileError: There are too few samples.
        PredictorError: The source knows modules alone.
    """
    rng = np.random.default_rng(seed)
    share = -(-PROBES_PER_SAMPLE * max(samples, LEAST_SAMPLES) // len(spaces))
    batch, precision = source.manifest.batch, protocol.precision
    workloads = [
        work for space in spaces for work in _detectors(space, share, batch, precision, rng)
    ]
    order = rng.permutation(len(workloads))
    workloads = [workloads[int(index)] for index in order]
    return transfer_agenda_of(source, workloads, samples, protocol)


def transfer_agenda_of(
    source: Predictor, workloads: Sequence[Workload], samples: int, protocol: TimingProtocol
) -> ActiveAgenda:
    """Return the agenda that chooses probes among given whole detectors, in random order.

    Raises:
        ProfileError: There are too few samples.
        PredictorError: The source knows modules alone.
    """
    if samples < LEAST_SAMPLES:
        raise ProfileError(f"samples must be at least {LEAST_SAMPLES}, got {samples}")
    aim = Aim(tuple(equation_of(workload.graph, whole=True) for workload in workloads))
    basis = basis_of(source)
    return ActiveAgenda(workloads, aim, protocol, 1, most=samples, basis=basis)


def _space(made_with: Mapping[str, Any]) -> SearchSpace:
    options = dict(made_with)
    return make_space(options.pop("name"), **options)


def _detectors(
    space: SearchSpace, count: int, batch: int, precision: str, rng: np.random.Generator
) -> list[Workload]:
    """Draw whole detectors of the precision that they will be measured in."""
    return [
        Workload(
            DETECTOR,
            f"{space.name}:{space.encode(arch)}",
            space.detector(arch).graph(batch, precision),
        )
        for arch in sample_distinct(space, count, rng)
    ]
