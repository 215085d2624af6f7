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
