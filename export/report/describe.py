"""A bundle at a glance: what it holds, what was found out about it, whether it runs here."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..bundle.bundle import Bundle, load_bundle
from ..bundle.integrity import MANIFEST, MANIFEST_DIGEST
from ..bundle.manifest import Manifest
from ..bundle.platforms import check_certified
from ..errors import BundleError
from ..records.accuracy import Accuracy
from ..records.times import LatencyReport
from .bundle import certificate_rows
from .precision_summary import precision_summary


def describe_bundle(path: str | Path) -> dict[str, Any]:
    """Check every file of a bundle and return its summary as plain JSON values.

    A bundle of another machine or runtime version is described too; ``runs_here`` then says why
    it would not run.

    Raises:
        BundleError: It is no whole and unchanged bundle; the message names the file.
    """
    bundle = load_bundle(path, check_machine=False)
    manifest = bundle.manifest
    height, width = manifest.input_hw
    return {
        "bundle": str(bundle.path),
        "arch": manifest.origin.arch,
        "outcome": str(manifest.verdict.outcome),
        "verdicts": [
            {"check": check.name, "outcome": str(check.outcome), "reason": check.reason}
            for check in manifest.verdict.checks
        ],
        "engine": _engine(manifest),
        "runs_here": _runs_here(manifest),
        "certificates": [row.to_dict() for row in certificate_rows(manifest)],
        "input_size": f"{width}x{height}",
        "labels": list(bundle.labels),
        "accuracy": None if manifest.accuracy is None else _accuracy(manifest.accuracy),
        "precision": precision_summary(manifest.precision),
        "latency_ms": _latency(manifest),
        "created": manifest.created,
        "detfit_version": manifest.detfit_version,
        "hashes": "ok",  # else it was refused above
        "files": _files(bundle),
    }


def _engine(manifest: Manifest) -> dict[str, Any]:
    engine = manifest.engine
    return {
        "name": engine.name,
        "version": engine.version,
        "file": engine.file,
        "precision": engine.precision,
        "batch": engine.batch,
        "threads": engine.threads,
        "device": engine.device.get("name", engine.machine),
        "machine": engine.machine,
    }


def _runs_here(manifest: Manifest) -> str:
    try:
        check_certified(manifest.platforms, manifest.engine.name)
    except BundleError as error:
        return f"no: {error}"
    return "yes"


def _accuracy(accuracy: Accuracy) -> dict[str, Any]:
    return {
        "data": accuracy.data,
        "images": accuracy.images,
        "note": accuracy.note,
        "metrics": [
            {
                "metric": row.metric,
                "torch": row.torch,
                "engine": row.engine,
                "drop_ci": None if row.drop_ci is None else list(row.drop_ci),
            }
            for row in accuracy.rows
        ],
    }


def _latency(manifest: Manifest) -> dict[str, Any]:
    """Return budget, prediction and measurement; ``None`` where there is none."""
    predicted, measured, latency = manifest.predicted, manifest.measured, manifest.latency
    return {
        "budget": manifest.limits.budget_ms,
        "budget_on": manifest.limits.budget_on,
        "predicted": None if predicted is None else predicted.p50_ms,
        "predicted_interval": None if predicted is None else [predicted.lo_ms, predicted.hi_ms],
        "position": None if latency is None or latency.position is None else str(latency.position),
        "measured": None if measured is None else measured.median_ms,
        "measured_interval": None if measured is None else list(measured.ci_ms),
        "measured_p99": None if measured is None else measured.p99_ms,
        "unstable": [] if measured is None else list(measured.unstable),
        "stages": _stages(latency),
    }


def _stages(latency: LatencyReport | None) -> list[dict[str, Any]]:
    """Return the stages from image files to objects; none where there were no photographs."""
    if latency is None or latency.end_to_end is None:
        return []
    found = latency.end_to_end
    return [asdict(stage) for stage in (*found.stages, found.total)]


def _files(bundle: Bundle) -> list[dict[str, Any]]:
    names = (*sorted(bundle.manifest.files), MANIFEST, MANIFEST_DIGEST)
    return [{"file": name, "bytes": (bundle.path / name).stat().st_size} for name in names]
