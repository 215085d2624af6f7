"""Measure a space: chains for module costs in context, whole detectors for the closure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from engines import Backend
from searchspaces import Graph, SearchSpace, write_atomically

from ..errors import RecordingError
from ..recording.origin import GENERATED, Origin
from ..recording.recording import Recording
from ..recording.recording_file import open_recording, recording_path
from ..tables.manifest import Manifest
from ..tables.table import LatencyTable
from ..tables.table_file import read_table
from ..tables.table_writer import TableWriter
from ..workloads.context import Recipe
from ..workloads.workload import DETECTOR
from .agenda import Agenda
from .config import ProfileConfig
from .plan import covering_graphs, make_agenda, plan_profile
from .session import Progress, Session
from .site import Models, OpenSite, site_here


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
    site = site_here(backend, config, path, models)
    if models is not None:
        config = replace(config, input_sets=0)  # they bring their own
    return profile_at(
        space,
        site,
        config,
        path,
        space_options=space_options,
        agenda=agenda,
        resume=resume,
        progress=progress,
    )


def profile_at(
    space: SearchSpace,
    site: OpenSite,
    config: ProfileConfig,
    path: Path | str,
    *,
    space_options: Mapping[str, Any],
    agenda: Agenda | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> LatencyTable:
    """Measure a space at a site, which may be another machine; see :func:`profile`.

    The table and its recorded inputs are written here, a row before the next one is measured.

    Args:
        space: What to profile.
        site: Opens what measures.
        config: What to measure and how long.
        path: The table file.
        space_options: What the space was made with, recorded in the manifest.
        agenda: Chooses what is measured next.
        resume: Go on with an existing file.
        progress: Called with message, workloads done and workloads in all.

    Raises:
        ProfileError: The engine is not available there, or the machine is not quiet.
        TableError: The file exists without ``resume``, is damaged or belongs to something else.
    """
    workloads, recipes = plan_profile(space, config)
    recorded = [workload.graph for workload in workloads if workload.role == DETECTOR]
    if config.modules:
        recorded = [*covering_graphs(space, config), *recorded]
    return measure(
        {"name": space.name, **space_options},
        site,
        config,
        path,
        agenda=agenda or make_agenda(space, config, workloads),
        recorded=recorded,
        recipes=recipes,
        resume=resume,
        progress=progress,
    )


def measure(
    space: Mapping[str, Any],
    site: OpenSite,
    config: ProfileConfig,
    path: Path | str,
    *,
    agenda: Agenda,
    recorded: Sequence[Graph],
    recipes: tuple[Recipe, ...] = (),
    resume: bool = False,
    progress: Progress | None = None,
) -> LatencyTable:
    """Measure what an agenda asks for into a table file; see :func:`profile`.

    Args:
        space: Name and options of the space, for the manifest.
        site: Opens what measures.
        config: How to measure and how long; what is measured is the agenda's.
        path: The table file.
        agenda: Chooses what is measured next.
        recorded: Detectors whose inputs of data-dependent modules are recorded.
        recipes: How chains combine to module costs.
        resume: Go on with an existing file.
        progress: Called with message, workloads done and workloads in all.

    Raises:
        ProfileError: The engine is not available there, or the machine is not quiet.
        TableError: The file exists without ``resume``, is damaged or belongs to something else.
    """
    begun = recording_path(Path(path)).exists()
    opened = False
    try:
        recording, inputs = _recording(recorded, config, Path(path), resume)
        with closing(site(recording, inputs)) as there:
            there.require_quiet()
            manifest = Manifest(
                there.device,
                config.protocol,
                config.batch,
                json.loads(json.dumps(space)),  # as it is read back
                there.software,
                config.seed,
                recipes,
                notes=() if recording is None else (recording.origin.note,),
                sentinel=there.sentinel_key,
                inputs=inputs,
            )
            with TableWriter(path, manifest, resume=resume) as writer:
                opened = True
                Session(there, config.minutes).run(agenda, writer, progress)
                table = writer.close()
            there.finish()
    finally:
        if not (begun or opened):  # what comes to nothing leaves nothing behind
            recording_path(Path(path)).unlink(missing_ok=True)
    return table


def _recording(
    graphs: Sequence[Graph], config: ProfileConfig, path: Path, resume: bool
) -> tuple[Recording | None, str | None]:
    """Take the inputs of data-dependent modules, or go on with those of an existing table.

    Returns:
        The recording and the hash of its file beside the table; ``None`` for noise.
    """
    if path.exists() and not resume:
        return None, None  # it will be refused by its writer
    before = path if path.exists() else config.like
    known = None if before is None else read_table(before).manifest.inputs
    goes_on = before == path and config.like is None
    if goes_on and bool(config.input_sets) != (known is not None):
        was, again = ("recorded inputs", "without") if known else ("noise", "with")
        raise RecordingError(
            f"{path}: was measured on {was}; go on {again} --input-sets 0, or start in another "
            "file"
        )
    if not config.input_sets or (before is not None and known is None):
        return None, None  # a table goes on, or is repeated, as it began
    path.parent.mkdir(parents=True, exist_ok=True)
    if before is not None and before != path:
        _take_over(recording_path(before), recording_path(path))
    recording, sha256 = open_recording(
        recording_path(path),
        graphs,
        seed=config.seed,
        sets=config.input_sets,
        folder=config.images,
        weights=config.weights,
        sha256=known,
    )
    if goes_on:
        _require_same(recording.origin, config, path)
    return recording, sha256


def _require_same(origin: Origin, config: ProfileConfig, path: Path) -> None:
    """Refuse to go on with other inputs than those that a table was measured on."""
    images = GENERATED if config.images is None else config.images.name
    if (origin.sets, origin.images) != (config.input_sets, images):
        again = "" if origin.images == GENERATED else f"--images {origin.images} "
        raise RecordingError(
            f"{path}: was measured on {origin.sets} sets of inputs from {origin.images}, asked "
            f"for are {config.input_sets} from {images}; go on with {again}--input-sets "
            f"{origin.sets}, or start in another file"
        )


def _take_over(source: Path, target: Path) -> None:
    """Copy the recorded inputs of another table; without its file they are recorded again."""
    if source.exists():
        write_atomically(target, source.read_bytes())
