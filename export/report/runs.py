"""Fill a report from a search run or a latency table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from search import Objective, nondominated, read_agreement, simulation_of
from searchspaces import SPACES, make_space

from ..errors import ReportError
from .course import Course, course_of, order_of_results
from .data import AgreementMark, Front, FrontMark, ReportData
from .provenance import flat

if TYPE_CHECKING:
    from latency import LatencyTable, Predictor
    from search import SearchResult


def table_report(table: LatencyTable, predictor: Predictor | None = None) -> ReportData:
    """Return what a latency table holds; with a predictor, how its detectors are predicted.

    Args:
        table: The measurements.
        predictor: Fitted on this or another table; without it nothing is predicted.
    """
    manifest = table.manifest
    marks: tuple[AgreementMark, ...] = ()
    if predictor is not None:
        detectors = table.detectors()
        predicted = predictor.predict_ms([workload.graph for workload, _ in detectors])
        marks = tuple(
            AgreementMark(workload.label, ms, measurement.median_ms, "whole detector")
            for ms, (workload, measurement) in zip(predicted.tolist(), detectors, strict=True)
        )
    unstable = sum(bool(m.unstable_reasons()) for m in table.measurements.values())
    provenance = (
        *(row for space in manifest.spaces for row in flat("space", space)),
        ("workloads measured", str(len(table.measurements))),
        ("workloads failed", str(len(table.failures))),
        ("unstable measurements", str(unstable)),
        ("whole detectors", str(len(table.detectors()))),
        ("batch", str(manifest.batch)),
        ("seed", str(manifest.seed)),
        *flat("device", manifest.device.to_dict()),
        *flat("protocol", manifest.protocol.to_dict()),
        *flat("software", manifest.software),
    )
    return ReportData(
        title=f"Latency table of {manifest.space_names}",
        subject=f"{manifest.device.engine} on {manifest.device.name}",
        agreement=marks,
        provenance=provenance,
    )


def run_report(
    result: SearchResult, *, chosen: str | None = None, budget_ms: float | None = None
) -> ReportData:
    """Return what a search run evaluated.

    Args:
        result: The run; its first minimised objective is taken as the latency, its first
            maximised one as the accuracy.
        chosen: Code of the architecture that was chosen; the best within the budget if ``None``.
        budget_ms: Latency budget; the run's own constraint if ``None``.

    Raises:
        ReportError: The run minimises or maximises nothing.
    """
    config = result.config
    front = search_front(result, chosen=chosen, budget_ms=budget_ms)
    provenance = (
        ("space", config.space),
        *flat("space", config.space_options),
        ("strategy", config.strategy),
        *flat("strategy", config.strategy_options),
        ("evaluations", f"{len(result.finished)} of {config.evals}"),
        ("failed", str(len(result.failures))),
        ("seed", str(config.seed)),
        ("started", config.created_at),
        *flat("context", config.context),
        *flat("note", config.notes),
        *flat("version", config.versions),
    )
    if result.stopped is not None:
        provenance = (*provenance, ("stopped early", result.stopped))
    simulated = simulation_of(result)
    label = "" if simulated is None else f" on a simulated {simulated['device']}"
    note = "" if simulated is None else f"; latencies {simulated['note']}"
    return ReportData(
        title=f"Search of {config.space}{label}",
        subject=f"{config.strategy}, {len(result.finished)} architectures evaluated{note}",
        budget_ms=front.budget_ms,
        front=front,
        course=_course(result, front),
        provenance=provenance,
    )


def _course(result: SearchResult, front: Front) -> Course | None:
    """Return how the search went; without sketches where the space is not one of the project's."""
    config = result.config
    best = sorted((m for m in front.marks if not m.dominated), key=lambda m: m.predicted_ms)
    members = []
    if config.space in SPACES:
        space = make_space(config.space, **config.space_options)
        members = [(mark.label, space.detector(space.decode(mark.label))) for mark in best]
    ranking = read_agreement(result)
    rows = order_of_results(result, (_first(result, "min"), _first(result, "max")))
    return course_of(rows, members, None if ranking is None else ranking.warning)


def search_front(
    result: SearchResult, *, chosen: str | None = None, budget_ms: float | None = None
) -> Front:
    """Return every evaluated architecture of a run, marked by whether another one beats it.

    Raises:
        ReportError: The run minimises or maximises nothing.
    """
    latency = _first(result, "min")
    accuracy = _first(result, "max")
    if budget_ms is None:
        bounds = {c.objective: c.upper for c in result.config.constraints}
        budget_ms = bounds.get(result.objectives[latency].name)
    rows = [
        (e.code, e.values[latency], e.values[accuracy])
        for e in result.candidates
        if e.status == "ok"
    ]
    points = np.array([(ms, ap) for _, ms, ap in rows], np.float64).reshape(-1, 2)
    kept = nondominated(points, (Objective("ms", "min"), Objective("accuracy", "max")))
    if chosen is None:
        chosen = _best_code(rows, budget_ms)
    marks = tuple(
        FrontMark(code, ms, ap, dominated=not on_front, chosen=code == chosen)
        for (code, ms, ap), on_front in zip(rows, kept.tolist(), strict=True)
    )
    return Front(marks, result.objectives[accuracy].name, budget_ms, len(result.failures))


def _first(result: SearchResult, direction: str) -> int:
    for column, objective in enumerate(result.objectives):
        if objective.direction == direction:
            return column
    wanted = "minimises no latency" if direction == "min" else "maximises no accuracy"
    raise ReportError(f"the run in {result.folder} {wanted}; there is no front to draw")


def _best_code(rows: Sequence[tuple[str, float, float]], budget_ms: float | None) -> str | None:
    within = [row for row in rows if budget_ms is None or row[1] <= budget_ms]
    return max(within, key=lambda row: (row[2], -row[1]))[0] if within else None
