"""Fill a report from a search run or a latency table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latency import describe_closure, describe_table_closure
from search import load_certification, simulation_of
from searchspaces import SPACES, make_space

from .baselines import baselines_of
from .correlations import correlation_tables
from .course import Course, course_of, order_of_results
from .data import AgreementMark, Front, ReportData
from .family import family_of
from .fronts import column_of, further_fronts, search_front
from .order import order_statement, order_warning
from .provenance import flat
from .rungs import rung_provenance

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
    closes = describe_table_closure(table) if predictor is None else describe_closure(predictor)
    provenance = (
        *(row for space in manifest.spaces for row in flat("space", space)),
        *flat("closure", {name: _rounded(value) for name, value in (closes or {}).items()}),
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


def _rounded(value: object) -> object:
    return f"{value:.2f}" if isinstance(value, float) else value


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
        *flat("summary", result.summary),
        *flat("version", config.versions),
    )
    if result.stopped is not None:
        provenance = (*provenance, ("stopped early", result.stopped))
    provenance = (*provenance, *rung_provenance(result))
    order = order_statement(result)
    if order is not None:
        provenance = (*provenance, ("order of the evaluator", order))
    simulated = simulation_of(result)
    label = "" if simulated is None else f" on a simulated {simulated['device']}"
    note = "" if simulated is None else f"; latencies {simulated['note']}"
    return ReportData(
        title=f"Search of {config.space}{label}",
        subject=f"{config.strategy}, {len(result.finished)} architectures evaluated{note}",
        budget_ms=front.budget_ms if front.cost_unit == "ms" else None,
        front=front,
        fronts=further_fronts(result),
        baselines=baselines_of(result, front),
        course=_course(result, front),
        family=family_of(result, front, (column_of(result, "min"), column_of(result, "max"))),
        correlations=correlation_tables(result),
        agreement=_measured(result),
        provenance=provenance,
    )


def _course(result: SearchResult, front: Front) -> Course | None:
    """Return how the search went; without sketches where the space is not one of the project's."""
    config = result.config
    best = sorted((m for m in front.marks if not m.dominated), key=lambda m: m.cost)
    members = []
    if config.space in SPACES:
        space = make_space(config.space, **config.space_options)
        members = [(mark.label, space.detector(space.decode(mark.label))) for mark in best]
    rows = order_of_results(result, (column_of(result, "min"), column_of(result, "max")))
    return course_of(rows, members, order_warning(result), order_statement(result))


def _measured(result: SearchResult) -> tuple[AgreementMark, ...]:
    """Return what certification measured of the front beside what had been predicted."""
    certification = load_certification(result.folder)
    if certification is None:
        return ()
    return tuple(
        AgreementMark(
            label=each.arch.partition(":")[2],
            predicted_ms=each.predicted_ms,
            measured_ms=each.measured_ms,
            group="certified" if each.certified else "not certified",
        )
        for each in certification.measured
        if each.measured_ms is not None
    )
