"""Results of the room as JSON-able fields, for the command line and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from searchspaces import SearchSpace, describe_variant, parse_arch

from .closure import conformal_quantile
from .curve import error_curve
from .errors import LatencyError
from .evaluation import Evaluation
from .joint import KnownBasis, SimulatedBasis
from .plan import ProfileConfig, aimed_at
from .predictor import CONFIDENCE, Latency, Predictor
from .spaces import find_space, refuse_unfamiliar
from .table import LatencyTable
from .table_file import read_table, write_table

UNCERTAIN = 0.2  # standard error over cost; a difference of chains that is mostly noise


def describe_table(table: LatencyTable) -> dict[str, Any]:
    """Return what a table holds, its unstable entries and its failures."""
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
        "failures": [f"{row.workload.label}: {row.error}" for row in table.failures],
        "refused": [
            f"{row.workload.label}, replicate {row.replicate}: {row.refused}"
            for row in table.refused
        ],
        "exploratory": sum(row.exploratory for row in table.rows),
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
    """Return what a profile measured and, if it chose, how errors fell with the minutes."""
    fields = describe_table(table)
    if config.is_active:
        points = error_curve(table, aimed_at(space, config))
        fields["error_by_minutes"] = [asdict(point) for point in points]
    return fields


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


def describe_predictor(predictor: Predictor) -> dict[str, Any]:
    """Return what a predictor was fitted on and how well its sum closes."""
    closure = predictor.closure
    return {
        "device": predictor.manifest.device.name,
        "engine": predictor.manifest.device.engine,
        "space": dict(predictor.manifest.space),
        "modules": len(predictor.costs),
        "uncertain_modules": [
            spec.key
            for spec, cost in predictor.costs.items()
            if cost.stderr_ms > UNCERTAIN * abs(cost.ms)
        ],
        "calibration_detectors": closure.detectors,
        "closure": {
            "model": closure.model,
            "scale": closure.scale,
            "offset_ms": closure.offset_ms,
        },
        **_describe_closure(predictor),
        "trend": _describe_trend(predictor),
        "estimated_families": _describe_families(predictor),
    }


def _describe_trend(predictor: Predictor) -> str | None:
    """Return what unmeasured modules follow; ``None`` for a predictor of modules alone."""
    if predictor.joint is None:
        return None
    basis = predictor.joint.basis
    if isinstance(basis, SimulatedBasis):
        return f"simulated:{basis.name}"
    return "another device's predictor" if isinstance(basis, KnownBasis) else "layers' work"


def _describe_closure(predictor: Predictor) -> dict[str, float | None]:
    """Return how well calibration detectors are predicted by everything but themselves.

    The unattributed share is what whole detectors take beside their modules' costs.
    """
    closure, joint = predictor.closure, predictor.joint
    names = ("left_out_mape", "interval_half_width_pct", "unattributed_pct")
    if not closure.detectors:  # a predictor of modules alone has seen none
        return dict.fromkeys(names)
    errors, width, beside = np.abs(closure.residuals), 1.0, 1.0 - 1.0 / closure.scale
    if joint is not None:
        measured, predicted, sd = joint.left_out()
        errors, width = np.abs(predicted / measured - 1), float(np.median(sd / predicted))
        beside = float(np.median(closure.offset_ms / predicted))
    values = (errors.mean(), width * closure.margin(CONFIDENCE), beside)
    return {name: 100 * float(value) for name, value in zip(names, values, strict=True)}


def describe_transfer(source: Predictor, moved: Predictor, table: LatencyTable) -> dict[str, Any]:
    """Return where a predictor came from, on what it was moved and how well that fits."""
    return {
        "from": f"{source.manifest.device.name}, {source.manifest.device.engine}",
        "samples": len(table.detectors()),
        "failures": [f"{row.workload.label}: {row.error}" for row in table.failures],
        **describe_predictor(moved),
    }


def _describe_families(predictor: Predictor) -> dict[str, dict[str, float]]:
    """Return how well modules that were left out are estimated, by family."""
    if predictor.estimator is None:
        return {}
    return {
        name: {
            "modules": len(family.log_ms),
            "left_out_mape": 100 * float(np.expm1(family.scores).mean()),
            "interval_factor": float(np.exp(conformal_quantile(family.scores, CONFIDENCE))),
        }
        for name, family in predictor.estimator.families.items()
    }


def describe_evaluation(evaluation: Evaluation) -> dict[str, Any]:
    """Return scores, interval coverage and every detector compared."""
    return {
        **asdict(evaluation.scores),
        "as_measured": asdict(evaluation.as_measured),
        "interval_coverage": evaluation.interval_coverage,
        "confidence": evaluation.confidence,
        "left_out": evaluation.left_out,
        "detectors": [asdict(item) for item in evaluation.detectors],
    }


def describe_latency(arch: str, latency: Latency) -> dict[str, Any]:
    """Return a prediction with one breakdown entry per distinct module."""
    return {
        "arch": arch,
        "p50_ms": latency.p50_ms,
        "lo_ms": latency.lo_ms,
        "hi_ms": latency.hi_ms,
        "confidence": latency.confidence,
        "coverage": latency.coverage,
        "unattributed_ms": latency.unattributed_ms,
        "breakdown": [
            {
                "kind": item.spec.kind,
                "variant": describe_variant(item.spec),
                "part": item.part,
                "key": item.spec.key,
                "count": item.count,
                "ms": item.ms,
                "measured": item.measured,
                "familiar": item.familiar,
            }
            for item in latency.breakdown
        ],
    }


def predict_archs(
    predictor: Predictor, archs: Sequence[str], confidence: float = CONFIDENCE
) -> list[dict[str, Any]]:
    """Predict architectures written as ``space:code``, made as the profiled spaces were.

    Raises:
        LatencyError: An architecture holds modules unlike those that were profiled.
        ArchitectureError: A code is malformed.
    """
    rows = []
    for text in archs:
        name, colon, code = text.partition(":")
        if not (name and colon):
            parse_arch(text)  # says what is wrong with it
        space, _, profiled = find_space(predictor, name)
        arch = space.decode(code)
        if not profiled:
            refuse_unfamiliar(predictor, space, [arch])
        rows.append(describe_latency(text, predictor.predict(space.detector(arch), confidence)))
    return rows


def merge_tables(paths: Sequence[Path], output: Path) -> LatencyTable:
    """Merge table files into one; of several spaces, too, which a note then says.

    Raises:
        TableMismatchError: They come from other devices, protocols or batch sizes.
        LatencyError: There is nothing to merge, a file is named twice, or the output exists.
    """
    if output.exists():
        raise LatencyError(f"{output} exists; write to another file by -o")
    write_table(output, read_tables(paths))
    return read_table(output)


def read_tables(paths: Sequence[Path]) -> LatencyTable:
    """Read table files of one device, engine, protocol and batch as one table.

    Raises:
        TableError: A file is no table, or damaged.
        TableMismatchError: They come from other devices, protocols or batch sizes.
        LatencyError: There is nothing to read, or a file is named twice.
    """
    if not paths:
        raise LatencyError("nothing to merge; name at least one table")
    names = [path.resolve() for path in paths]
    for path, name in zip(paths, names, strict=True):
        if names.count(name) > 1:
            raise LatencyError(f"{path} is named twice; its measurements would count twice")
    merged, *others = [read_table(path) for path in paths]
    for table in others:
        merged = merged.merge(table)
    return merged
