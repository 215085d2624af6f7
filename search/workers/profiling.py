"""Profile a space, or bring a predictor, on the device of a Ray cluster's node.

The node measures; the table, its recorded inputs and the choice of what is measured next stay
here. A row is on disk before the next measurement begins, so that the death of either side costs
the one under way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latency import (
    LatencyTable,
    Predictor,
    ProfileConfig,
    TableError,
    profile_at,
    transfer_at,
)

from .joining import ANYWHERE
from .node_site import Place, Progress, site_on_cluster

if TYPE_CHECKING:
    from searchspaces import SearchSpace


def profile_on_cluster(
    space: SearchSpace,
    engine: str,
    config: ProfileConfig,
    path: Path | str,
    *,
    space_options: Mapping[str, Any],
    engine_options: Sequence[str] = (),
    address: str = ANYWHERE,
    resource: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> LatencyTable:
    """Measure a space on a node of a Ray cluster into a table file of this machine.

    Profiles of one device take turns.

    Args:
        space: What to profile.
        engine: Name of the engine there; it need not be installed here.
        config: What to measure and how long, the time that the device is waited for apart.
        path: The table file.
        space_options: What the space was made with, recorded in the manifest.
        engine_options: How the engine builds, each ``NAME=VALUE``.
        address: Of the cluster's head, or ``auto``.
        resource: What nodes call the device, after ``detfit-device-``; ``cpu`` or ``cuda``, as
            the configuration's device, if None.
        resume: Go on with an existing file.
        progress: Called with message, workloads done and workloads in all.

    Returns:
        The table; its manifest names the device and the software of the node.

    Raises:
        RunError: Ray is not installed, the cluster does not answer, no node offers the device, or
            the node died.
        EngineError: The engine is unknown, or cannot be used there.
        ProfileError: The node is not quiet, or lacks the trained weights of the recorded inputs.
        TableError: The file exists without ``resume``, is damaged or belongs to something else.
    """
    path, config = Path(path), _anywhere(config)
    _refuse_existing(path, resume)
    place = Place(engine, tuple(engine_options), address, resource)
    with site_on_cluster(place, config, path, progress) as site:
        return profile_at(
            space,
            site,
            config,
            path,
            space_options=space_options,
            resume=resume,
            progress=progress,
        )


def transfer_on_cluster(
    source: Predictor,
    engine: str,
    config: ProfileConfig,
    path: Path,
    samples: int,
    *,
    engine_options: Sequence[str] = (),
    address: str = ANYWHERE,
    resource: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> tuple[Predictor, LatencyTable]:
    """Measure the few detectors of a transfer on a node of a Ray cluster.

    Args:
        source: Fitted on the device that is known.
        engine: Name of the engine there; it need not be installed here.
        config: How the probes are measured, as :func:`latency.transfer_config` makes it.
        path: The table file of the probes.
        samples: How many detectors to measure.
        engine_options: How the engine builds, each ``NAME=VALUE``.
        address: Of the cluster's head, or ``auto``.
        resource: As for :func:`profile_on_cluster`.
        resume: Go on with an existing file.
        progress: Called with message, measurements done and in all.

    Returns:
        A predictor for the node's device, and what was measured there.

    Raises:
        RunError: As for :func:`profile_on_cluster`.
        EngineError: The engine is unknown, or cannot be used there.
        ProfileError: The node is not quiet, lacks the trained weights of the recorded inputs, or
            the samples are too few.
        PredictorError: The source knows modules alone, or no probe could be measured.
        TableError: The file exists without ``resume``, is damaged or belongs to something else.
    """
    config = _anywhere(config)
    _refuse_existing(path, resume)
    place = Place(engine, tuple(engine_options), address, resource)
    with site_on_cluster(place, config, path, progress) as site:
        return transfer_at(source, site, config, path, samples, resume=resume, progress=progress)


def _anywhere(config: ProfileConfig) -> ProfileConfig:
    """Return the same for processes that stand in another folder."""
    if config.weights is None:
        return config
    return replace(config, weights=config.weights.absolute())


def _refuse_existing(path: Path, resume: bool) -> None:
    """Refuse before a device is waited for what its table would refuse."""
    if path.exists() and not resume:
        raise TableError(f"{path} exists; go on with it by --resume, or write to another -o")
