"""Fit a predictor on a latency table."""

from __future__ import annotations

import numpy as np

from engines import Measurement

from .closure import JOINT, Closure
from .errors import PredictorError
from .estimator import fit_estimator
from .joint import Basis, JointCosts, KnownBasis, SimulatedBasis, equations_of, fit_joint
from .predictor import ModuleCost, Predictor
from .simulated.predictor import SimulatedPredictor
from .table import LatencyTable
from .workload import CHAIN

OPEN = Closure("identity", 1.0, 0.0, (0.0,), 0)
"""No closure: the sum as it is, calibrated on no detector."""

CI_TO_STDERR = 1 / (2 * 1.96)  # a 95 % interval spans 3.92 standard errors


def fit(
    table: LatencyTable, seed: int = 0, source: Predictor | SimulatedPredictor | None = None
) -> Predictor:
    """Learn what modules cost inside whole detectors from everything a table holds.

    Chains and whole detectors are solved together (:mod:`latency.joint`). Modules that a profile
    did not reach follow from modules of like layers; predictions say so by their coverage and by
    wider intervals. A table of modules alone, such as an imported one, gives a predictor of
    modules: the sums that it predicts are closed on nothing, and say so by a confidence of 0.

    Args:
        table: What was measured.
        seed: Draws the folds that calibrate the intervals of a predictor of modules alone.
        source: Of another device or engine, measured or simulated, whose times these are thought
            to resemble: few measurements then do (see :func:`latency.transfer`).

    Raises:
        PredictorError: The table holds neither modules nor whole detectors to close a sum on, or
            the source knows modules alone.
    """
    if table.entries and not table.detectors() and not _has_chains(table):
        return _fit_modules(table, np.random.default_rng(seed))
    if not table.detectors():
        raise PredictorError(
            "the table holds no whole detectors to close the sum on; profile with --detectors 16"
        )
    joint = fit_joint(equations_of(table), basis=None if source is None else basis_of(source))
    specs = sorted({s for e in joint.equations for s in e.counts}, key=lambda spec: spec.key)
    costs = {
        spec: ModuleCost(cost.ms, cost.sd_ms)
        for spec, cost in zip(specs, joint.modules(specs), strict=True)
    }
    keys = tuple(sorted(workload.key for workload, _ in table.detectors()))
    return Predictor(
        table.manifest,
        costs,
        _closure(table, joint),
        keys,
        joint=joint,
        reference_ms=table.reference_ms,
    )


def basis_of(source: Predictor | SimulatedPredictor) -> Basis:
    """Return the costs of a source as what others are measured by.

    Raises:
        PredictorError: It was fitted on modules alone.
    """
    if isinstance(source, SimulatedPredictor):
        return SimulatedBasis(f"{source.device.name}:{source.engine}", source.precision)
    if source.joint is None:
        raise PredictorError(
            "the source was fitted on modules alone or by an earlier version; fit it anew on a "
            "table of chains and whole detectors"
        )
    return KnownBasis(source.joint)


def _closure(table: LatencyTable, joint: JointCosts) -> Closure:
    """Return what is left of the detectors, each predicted from all else, in standard deviations.

    An interval has to hold for one more measurement at another time, so that every replicate
    counts by itself.
    """
    keys = [equation.key for equation in joint.equations if equation.whole]
    _, predicted, sds = joint.left_out()
    residuals = [
        (ms - middle) / sd
        for key, middle, sd in zip(keys, predicted, sds, strict=True)
        for ms in table.replicates_ms(key)
    ]
    ordered = tuple(np.sort(residuals).tolist())
    return Closure(JOINT, 1.0, joint.start_ms, ordered, len(keys))


def _has_chains(table: LatencyTable) -> bool:
    return any(workload.role == CHAIN for workload in table.workloads.values())


def _fit_modules(table: LatencyTable, rng: np.random.Generator) -> Predictor:
    """Fit on modules that were timed alone."""
    costs = {spec: ModuleCost(m.median_ms, _stderr_ms(m)) for spec, m in table.entries.items()}
    estimator = fit_estimator({spec: cost.ms for spec, cost in costs.items()}, rng)
    return Predictor(table.manifest, costs, OPEN, (), estimator)


def _stderr_ms(measurement: Measurement) -> float:
    """Return the standard error of a median; the samples' spread where they are too few."""
    low, high = measurement.ci_ms
    if not np.isfinite(high):
        return float(np.ptp(measurement.raw_ms))
    return (high - low) * CI_TO_STDERR
