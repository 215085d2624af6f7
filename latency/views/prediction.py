"""Predictions as JSON-able fields, and how they compare with what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from searchspaces import describe_variant, parse_arch

from ..evaluation.held_out import Evaluation
from ..prediction import CONFIDENCE, Latency
from ..predictors.predictor import Predictor
from ..predictors.spaces import MAX_UNFAMILIAR, find_space, refuse_unfamiliar


def describe_evaluation(evaluation: Evaluation) -> dict[str, Any]:
    """Return scores, interval coverage and every detector compared.

    Beside the scores of all ``by_batch`` has those of every batch size, and ``unfamiliar`` is how
    many of those compared are unlike what the predictor was fitted on.
    """
    return {
        **asdict(evaluation.scores),
        "as_measured": asdict(evaluation.as_measured),
        "interval_coverage": evaluation.interval_coverage,
        "confidence": evaluation.confidence,
        "left_out": evaluation.left_out,
        "unfamiliar": evaluation.unfamiliar,
        "by_batch": {
            str(batch): _describe_part(evaluation.of_batch(batch)) for batch in evaluation.batches
        },
        "notes": list(evaluation.notes),
        "detectors": [asdict(item) for item in evaluation.detectors],
    }


def _describe_part(part: Evaluation) -> dict[str, Any]:
    return {
        **asdict(part.scores),
        "interval_coverage": part.interval_coverage,
        "unfamiliar": part.unfamiliar,
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
        "unfamiliar": latency.unfamiliar,
        "out_of_distribution": latency.unfamiliar > MAX_UNFAMILIAR,
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
    predictor: Predictor,
    archs: Sequence[str],
    confidence: float = CONFIDENCE,
    batch: int | None = None,
) -> list[dict[str, Any]]:
    """Predict architectures written as ``space:code``, made as the profiled spaces were.

    Args:
        predictor: Fitted on a table.
        archs: Each as ``space:code``.
        confidence: Of the intervals.
        batch: Images per run; ``None`` takes the profile's.

    Raises:
        LatencyError: An architecture holds modules unlike those that were profiled, or nothing
            was measured at that batch size.
        ArchitectureError: A code is malformed.
    """
    if batch is not None:
        predictor = predictor.at_batch(batch)
    rows = []
    for text in archs:
        name, colon, code = text.partition(":")
        if not (name and colon):
            parse_arch(text)  # says what is wrong with it
        space, _, profiled = find_space(predictor, name)
        arch = space.decode(code)
        if not profiled:
            refuse_unfamiliar(predictor, space, [arch])
        latency = predictor.predict(space.detector(arch), confidence)
        rows.append({**describe_latency(text, latency), "batch": predictor.manifest.batch})
    return rows
