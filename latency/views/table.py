"""A latency table as JSON-able fields: what it holds, how well it closes, what was in its way."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from engines import Measurement
from searchspaces import SearchSpace

from ..errors import PredictorError
from ..evaluation.curve import error_curve, measured_minutes
from ..predictors.fitting import fit
from ..profiling.config import ProfileConfig
from ..profiling.plan import aimed_at
from ..tables.table import LatencyTable
from ..workloads.workload import DETECTOR
from .predictor import describe_closure


def describe_table(table: LatencyTable) -> dict[str, Any]:
    """Return what a table holds, how well it closes, its unstable entries and its failures."""
    single = [key for key, m in table.measurements.items() if len(m.raw_ms) == 1]
    sampled = table.measurements.keys() - set(single)
    unstable = [
        f"{table.workloads[key].label}: {', '.join(reasons)}"
        for key, measurement in table.measurements.items()
        if key in sampled and (reasons := measurement.unstable_reasons())
    ]
    roles = [table.workloads[key].role for key in table.measurements]
    return {
        "device": table.device.name,
        "engine": f"{table.device.engine} {table.device.engine_version}",
        "threads": table.protocol.threads,
        "precision": table.protocol.precision,
        "batch": table.manifest.batch,
        "space": dict(table.manifest.space),
        "measured": {role: roles.count(role) for role in sorted(set(roles))},
        "closure": describe_table_closure(table),
        "data_dependent": _describe_spreads(table),
        "failures": [f"{row.workload.label}: {row.error}" for row in table.failures],
        "refused": [
            f"{row.workload.label}, replicate {row.replicate}: {row.refused}"
            for row in table.refused
        ],
        "exploratory": sum(row.exploratory for row in table.rows),
        "warnings": _describe_warnings(table),
        "delivered": [table.workloads[key].label for key in table.delivered_ms],
        "sentinel": _describe_sentinel(table),
        "disturbed": list(table.disturbed),
        "unstable": unstable,
        "without_samples": len(single),
        "notes": list(table.manifest.notes),
    }


def describe_profile(
    space: SearchSpace, config: ProfileConfig, table: LatencyTable
) -> dict[str, Any]:
    """Return what a profile measured, how long, and, if it chose, how errors fell meanwhile."""
    fields = {**describe_table(table), "minutes": measured_minutes(table)}
    if config.is_active:
        points = error_curve(table, aimed_at(space, config))
        fields["error_by_minutes"] = [asdict(point) for point in points]
    return fields


def describe_table_closure(table: LatencyTable) -> dict[str, Any] | None:
    """Return how well a table's parts add up to its whole detectors.

    Returns:
        ``detectors``: how many; ``left_out_mape``: their error, each predicted from all else, in
        percent; ``interval_half_width_pct``; ``unattributed_pct``: what they take beside their
        modules. ``None`` for a table without whole detectors; ``{"error": ...}`` where nothing
        can be fitted.
    """
    if not table.detectors():
        return None
    try:
        predictor = fit(table)
    except PredictorError as error:
        return {"error": str(error)}
    return {"detectors": predictor.closure.detectors, **describe_closure(predictor)}


def describe_import(table: LatencyTable) -> dict[str, Any]:
    """Return what came in, and what the source did not say."""
    batches = Counter(workload.graph.nodes[0].spec.batch for workload in table.workloads.values())
    return {
        "device": table.device.name,
        "engine": f"{table.device.engine} {table.device.engine_version}",
        "precision": table.protocol.precision,
        "modules": len(table.entries),
        "failures": len(table.failures),
        "by_batch": {str(batch): batches[batch] for batch in sorted(batches)},
        "notes": list(table.manifest.notes),
    }


def _describe_spreads(table: LatencyTable) -> list[dict[str, Any]]:
    """Return how far times scatter where they depend on the data: of all but whole detectors."""
    return [
        _describe_spread(table.workloads[key].label, measurement)
        for key, measurement in table.measurements.items()
        if measurement.inputs > 1 and table.workloads[key].role != DETECTOR
    ]


def _describe_spread(name: str, measurement: Measurement) -> dict[str, Any]:
    medians = measurement.per_input_medians()
    return {
        "name": name,
        "inputs": measurement.inputs,
        "p50_ms": measurement.p50_ms,
        "p90_ms": measurement.p90_ms,
        "p99_ms": measurement.p99_ms,
        "fastest_input_ms": min(medians),
        "slowest_input_ms": max(medians),
    }


def _describe_warnings(table: LatencyTable) -> list[str]:
    """Return what runtimes did otherwise than asked, each once, with the rows that it is of."""
    counts = Counter(text for row in table.rows for text in dict.fromkeys(row.warnings))
    return [f"{text} ({count} of {len(table.rows)} visits)" for text, count in counts.items()]


def _describe_sentinel(table: LatencyTable) -> dict[str, float] | None:
    """Return how fast the machine was: the sentinel's median, and its extremes against it."""
    told = [row.sentinel_ms for row in table.counted if row.sentinel_ms is not None]
    if not told or table.reference_ms is None:
        return None
    return {
        "reference_ms": table.reference_ms,
        "fastest_pct": 100 * (min(told) / table.reference_ms - 1),
        "slowest_pct": 100 * (max(told) / table.reference_ms - 1),
    }
