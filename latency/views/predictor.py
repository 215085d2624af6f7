"""Predictors as JSON-able fields: what they were fitted on, how well sums close."""

from __future__ import annotations

from typing import Any

import numpy as np

from searchspaces import describe_variant

from ..conformal import conformal_quantile
from ..estimator import Prior
from ..joint import KnownBasis, SimulatedBasis
from ..prediction import CONFIDENCE
from ..predictors.predictor import Predictor
from ..tables.table import LatencyTable

UNCERTAIN = 0.2  # standard error over cost; a difference of chains that is mostly noise


def describe_predictor(predictor: Predictor) -> dict[str, Any]:
    """Return what a predictor was fitted on and how well its sum closes."""
    closure = predictor.closure
    return {
        "device": predictor.manifest.device.name,
        "engine": predictor.manifest.device.engine,
        "space": dict(predictor.manifest.space),
        "batches": list(predictor.batches),
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
        **describe_closure(predictor),
        "trend": _describe_trend(predictor),
        "estimated_families": _describe_families(predictor),
    }


def describe_costs(predictor: Predictor) -> list[dict[str, Any]]:
    """Return what measured modules cost inside a detector, the dearest first.

    Of a predictor of modules alone there is nothing: their times stand in its table.
    """
    if predictor.joint is None:
        return []
    return [
        {
            "kind": spec.kind,
            "variant": describe_variant(spec),
            "ms": cost.ms,
            "sd_ms": cost.stderr_ms,
            "key": spec.key,
        }
        for spec, cost in sorted(predictor.costs.items(), key=lambda item: -item[1].ms)
    ]


def _describe_trend(predictor: Predictor) -> str | None:
    """Return what unmeasured modules follow; ``None`` for modules alone without a prior."""
    if predictor.joint is None:
        return None if predictor.estimator is None else _simulated(predictor.estimator.prior)
    basis = predictor.joint.basis
    if isinstance(basis, SimulatedBasis):
        return f"simulated:{basis.name}"
    return "another device's predictor" if isinstance(basis, KnownBasis) else "layers' work"


def _simulated(prior: Prior | None) -> str | None:
    return None if prior is None else f"simulated:{prior.name}"


def describe_closure(predictor: Predictor) -> dict[str, float | None]:
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


def _describe_families(predictor: Predictor) -> dict[str, dict[str, Any]]:
    """Return how well modules that were left out are estimated, by family, and from what on."""
    if predictor.estimator is None:
        return {}
    return {
        name: {
            "modules": len(family.log_ms),
            "trend": None
            if family.trend.prior is None
            else f"simulated:{family.trend.prior.name}",
            "left_out_mape": 100 * float(np.expm1(family.scores).mean()),
            "interval_factor": float(np.exp(conformal_quantile(family.scores, CONFIDENCE))),
        }
        for name, family in predictor.estimator.families.items()
    }
