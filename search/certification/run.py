"""Certify a run: which members of its front keep the budget on the engine itself."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from latency import (
    Predictor,
    Recording,
    check_feedback,
    load_predictor,
    read_recording,
    read_table,
    recording_path,
)
from searchspaces import make_space

from ..errors import RunError
from ..objectives.latency import LATENCY, PREDICTOR_FILE
from ..objectives.objective import objective_named
from ..progress import Progress
from ..running.config import now, versions_here
from ..running.latency import run_budget_ms, simulation_of
from ..running.result import SearchResult, load_result
from .bench import Bench, EngineBench
from .certification import Certification
from .cluster import RayBench
from .trial import CertifySettings, Trial

if TYPE_CHECKING:
    from searchspaces import SearchSpace


def certify_run(
    folder: Path | str,
    *,
    budget_ms: float | None = None,
    table: Path | str | None = None,
    weights: Path | str | None = None,
    settings: CertifySettings | None = None,
    cluster: str | None = None,
    resource: str | None = None,
    bench: Bench | None = None,
    progress: Progress | None = None,
) -> Certification:
    """Measure members of a run's front and write which of them keep the budget.

    Args:
        folder: Of a run that rests on a measured predictor; finished or not.
        budget_ms: To be kept; the run's own if left out.
        table: Latency table that the measurements are fed back to; the next fit includes them.
        weights: Trained weights that the table's inputs were recorded with, if any were.
        settings: How thoroughly.
        cluster: Address of a Ray cluster of which a node has the device, or ``auto``; this machine
            if left out.
        resource: What nodes of the cluster call the device; its fingerprint if left out.
        bench: Measures; by default the engine that the run's predictor was profiled on.
        progress: Called as ``progress(message, done, total)`` after every build.

    Raises:
        RunError: The run has no result within the budget, no budget, or simulated latencies; or
            the device here, or on the cluster, is another one, or busy; or there are weights and
            no table.
        TableError: The table is missing or damaged.
        TableMismatchError: The table is of another device or protocol; nothing is measured.
        RecordingError: The table's recorded inputs are missing or damaged.
        EngineError: The engine cannot be used here.
    """
    _check_weights(weights, table)
    result, settings = load_result(folder), settings or CertifySettings()
    predictor, path = _predictor(result), None if table is None else Path(table)
    space = make_space(result.config.space, **result.config.space_options)
    budget = _budget_ms(result, budget_ms)
    with ExitStack() as stack:
        own = bench is None
        if bench is None:
            recording = None if path is None else _recording(path, space, result, weights)
            bench = stack.enter_context(_bench(predictor, space, recording, cluster, resource))
        if path is not None:
            _check_table(path, predictor, bench)
        if own and isinstance(bench, EngineBench):
            bench.require_quiet()
        trial = Trial(result, predictor, space, bench, budget, settings, progress)
        trial.run()
        if path is not None:
            trial.feed_back(path)
        certification = Certification(
            objective=LATENCY,
            budget_ms=budget,
            confidence=settings.confidence,
            builds=settings.builds,
            spread=trial.times.spread().sd,
            sentinel_ms=trial.times.sentinel_ms(),
            device=bench.device.identity,
            evaluated=len(result.finished),
            candidates=tuple(trial.candidates.values()),
            table=None if path is None else str(path),
            created_at=now(),
            versions=versions_here(),
        )
    certification.save(result.folder)
    return certification


def _check_weights(weights: Path | str | None, table: Path | str | None) -> None:
    if weights is not None and table is None:
        raise RunError(
            "weights (--weights) are those that the inputs of a table were recorded with; name "
            "the table (--record), or leave them out"
        )


@contextmanager
def _bench(
    predictor: Predictor,
    space: SearchSpace,
    recording: Recording | None,
    cluster: str | None,
    resource: str | None,
) -> Iterator[Bench]:
    if cluster is None:
        with EngineBench(predictor, space, recording=recording) as here:
            yield here
    else:
        with RayBench(predictor, space, recording, cluster, resource) as there:
            yield there


def _predictor(result: SearchResult) -> Predictor:
    path = result.folder / PREDICTOR_FILE
    if simulation_of(result) is not None or not path.is_file():
        raise RunError(
            f"the run in {result.folder} rests on no measured predictor, so that there is no "
            "device to certify it on; profile one and search with its predictor"
        )
    return load_predictor(path)


def _budget_ms(result: SearchResult, budget_ms: float | None) -> float:
    objective_named(result.objectives, LATENCY)
    budget = run_budget_ms(result) if budget_ms is None else budget_ms
    if budget is None:
        raise RunError(f"the run in {result.folder} was searched without a budget; give one")
    if not 0.0 < budget < math.inf:
        raise RunError(f"the budget must be a number of ms above 0, got {budget!r}")
    if not len(result.front_of(LATENCY, float(budget))):
        raise RunError(
            f"the run in {result.folder} has no result within {budget:g} ms to certify; go on "
            "with it by `detfit search ... --resume`, or raise the budget"
        )
    return float(budget)


def _recording(
    table: Path, space: SearchSpace, result: SearchResult, weights: Path | str | None
) -> Recording | None:
    """Return the inputs that a table's detectors were measured on; ``None`` for drawn ones."""
    manifest = read_table(table).manifest
    if manifest.inputs is None:
        return None
    graphs = [
        space.detector(e.architecture).graph(manifest.batch, manifest.protocol.precision)
        for e in result.candidates
        if e.status == "ok"
    ]
    path = recording_path(table)
    return read_recording(path, graphs, weights=weights, sha256=manifest.inputs)


def _check_table(table: Path, predictor: Predictor, bench: Bench) -> None:
    """Refuse a table that the measurements could not be fed back to, before they are taken."""
    manifest = predictor.manifest
    what = f"what is measured cannot be fed back to {table}"
    check_feedback(
        read_table(table), bench.device, manifest.protocol, manifest.batch, bench.sentinel, what
    )
