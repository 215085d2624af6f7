"""Measure a space: chains for module costs in context, whole detectors for the closure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from engines import Backend
from searchspaces import Graph, SearchSpace

from .agenda import Agenda
from .context import Recipe
from .errors import ProfileError
from .manifest import Manifest
from .model_cache import ModelCache
from .plan import ProfileConfig, covering_graphs, make_agenda, plan_profile
from .recording import Recording
from .recording_file import open_recording, recording_path
from .session import Models, Progress, Session, SessionConfig
from .table import LatencyTable
from .table_file import TableWriter, read_table
from .workload import DETECTOR, WorkloadModel

_SOFTWARE = ("detfit", "torch", "torchvision", "onnx", "onnxruntime", "numpy")


def profile(
    space: SearchSpace,
    backend: Backend,
    config: ProfileConfig,
    path: Path | str,
    *,
    space_options: Mapping[str, Any],
    agenda: Agenda | None = None,
    models: Models | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> LatencyTable:
    """Measure a space on an engine into a table file.

    Every workload is timed in alternation with the sentinel. A visit during which the machine
    changed its speed, or was used by others, is recorded as refused and repeated later. A workload
    that fails is recorded, and the profile goes on.

    Args:
        space: What to profile.
        backend: The engine.
        config: What to measure and how long.
        path: The table file.
        space_options: What the space was made with, recorded in the manifest.
        agenda: Chooses what is measured next; by default the order of :func:`plan_profile`, which
            makes the table useful early, and random orders for later replicates.
        models: Makes the model of a workload; by default with seeded weights and inputs that are
            recorded as ``config`` says, into a file beside the table.
        resume: Go on with an existing file.
        progress: Called with message, workloads done and workloads in all.

    Raises:
        ProfileError: The engine is not available here, or the machine is not quiet.
        TableError: The file exists without ``resume``, is damaged or belongs to something else.
    """
    workloads, recipes = plan_profile(space, config)
    recorded = [workload.graph for workload in workloads if workload.role == DETECTOR]
    if config.modules:
        recorded = [*covering_graphs(space, config), *recorded]
    return measure(
        {"name": space.name, **space_options},
        backend,
        config,
        path,
        agenda=agenda or make_agenda(space, config, workloads),
        recorded=recorded,
        recipes=recipes,
        models=models,
        resume=resume,
        progress=progress,
    )


def measure(
    space: Mapping[str, Any],
    backend: Backend,
    config: ProfileConfig,
    path: Path | str,
    *,
    agenda: Agenda,
    recorded: Sequence[Graph],
    recipes: tuple[Recipe, ...] = (),
    models: Models | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> LatencyTable:
    """Measure what an agenda asks for into a table file; see :func:`profile`.

    Args:
        space: Name and options of the space, for the manifest.
        backend: The engine.
        config: How to measure and how long; what is measured is the agenda's.
        path: The table file.
        agenda: Chooses what is measured next.
        recorded: Detectors whose inputs of data-dependent modules are recorded.
        recipes: How chains combine to module costs.
        models: Makes the model of a workload.
        resume: Go on with an existing file.
        progress: Called with message, workloads done and workloads in all.

    Raises:
        ProfileError: The engine is not available here, or the machine is not quiet.
        TableError: The file exists without ``resume``, is damaged or belongs to something else.
    """
    reason = backend.unavailable_reason()
    if reason:
        raise ProfileError(f"engine {backend.name} cannot be used here: {reason}")
    software = _software()
    recording, inputs = None, None
    begun = recording_path(Path(path)).exists()
    if models is None:
        recording, inputs = _recording(recorded, config, Path(path), resume)
    cache = ModelCache.beside(Path(path), json.dumps([config.seed, software, inputs]))
    models = models or partial(WorkloadModel, seed=config.seed, recording=recording)
    opened = False
    try:
        with _session(backend, config, models, cache) as session:
            session.require_quiet()
            manifest = Manifest(
                session.device,
                config.protocol,
                config.batch,
                json.loads(json.dumps(space)),  # as it is read back
                software,
                config.seed,
                recipes,
                notes=() if recording is None else (recording.origin.note,),
                sentinel=session.sentinel_key,
                inputs=inputs,
            )
            with TableWriter(path, manifest, resume=resume) as writer:
                opened = True
                session.run(agenda, writer, progress)
                table = writer.close()
    finally:
        if not (begun or opened):  # what comes to nothing leaves nothing behind
            recording_path(Path(path)).unlink(missing_ok=True)
    cache.clear()
    return table


def _recording(
    graphs: Sequence[Graph], config: ProfileConfig, path: Path, resume: bool
) -> tuple[Recording | None, str | None]:
    """Take the inputs of data-dependent modules, or go on with those of an existing table.

    Returns:
        The recording and the hash of its file beside the table; ``None`` for noise.
    """
    known = read_table(path).manifest.inputs if resume and path.exists() else None
    if not config.input_sets or (path.exists() and known is None):
        return None, None  # an existing table goes on as it began, or is refused by its writer
    path.parent.mkdir(parents=True, exist_ok=True)
    return open_recording(
        recording_path(path),
        graphs,
        seed=config.seed,
        sets=config.input_sets,
        folder=config.images,
        weights=config.weights,
        sha256=known,
    )


def _session(
    backend: Backend, config: ProfileConfig, models: Models, cache: ModelCache
) -> Session:
    settings = SessionConfig(
        protocol=config.protocol,
        device=config.device,
        minutes=config.minutes,
        exploratory=config.exploratory,
    )
    return Session(backend, settings, models, cache)


def _software() -> dict[str, str]:
    versions = {}
    for name in _SOFTWARE:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
