"""Fit a predictor on a latency table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines import Measurement

from ..errors import PredictorError
from ..estimator import fit_estimator
from ..joint import (
    Basis,
    Equation,
    JointCosts,
    KnownBasis,
    SimulatedBasis,
    equations_of,
    fit_joint,
    fit_like,
)
from ..joint.fit import SURPRISE
from ..simulated.predictor import SimulatedPredictor
from ..tables.table import LatencyTable
from ..workloads.workload import CHAIN
from .closure import JOINT, Closure
from .delivered import delivered_factor
from .predictor import ModuleCost, Predictor

OPEN = Closure("identity", 1.0, 0.0, (0.0,), 0)
"""No closure: the sum as it is, calibrated on no detector."""

HALF = 0.5
"""Power of a source's departures before measurements say how alike two devices are."""

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
    joint = _joint(table, source)
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


def _joint(table: LatencyTable, source: Predictor | SimulatedPredictor | None) -> JointCosts:
    """Learn from what was profiled, and from delivered engines that do not contradict it.

    An engine may: then the closure's factor holds what it says, and costs stay as sure as before.
    """
    basis = None if source is None else basis_of(source)
    profiled: list[Equation] = []
    delivered: list[Equation] = []
    for equation in equations_of(table):
        (delivered if table.is_delivered(equation.key) else profiled).append(equation)
    found = _learned(profiled or delivered, basis)
    if not (profiled and delivered):
        return found
    counts = [equation.counts for equation in delivered]
    agreeing = [
        equation
        for equation, ms, sd in zip(
            delivered, found.whole_ms(counts), found.whole_sd_ms(counts), strict=True
        )
        if abs(equation.ms - ms) <= SURPRISE * sd
    ]
    return _learned([*profiled, *agreeing], basis) if agreeing else found


def _learned(equations: Sequence[Equation], basis: Basis | None) -> JointCosts:
    if isinstance(basis, KnownBasis):
        return fit_like(equations, basis.source)
    return fit_joint(equations, basis=basis)


def basis_of(source: Predictor | SimulatedPredictor) -> Basis:
    """Return the costs of a source as what others are measured by, before any are measured.

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
    return KnownBasis(source.joint, HALF)


def _closure(table: LatencyTable, joint: JointCosts) -> Closure:
    """Return what is left of the detectors, each predicted from all else, in standard deviations.

    An interval has to hold for one more measurement at another time, so that every replicate
    counts by itself. Delivered engines are predicted with the factor of the others.
    """
    around, delivered = _left_out(table, joint), table.delivered_ms
    profiled = [
        (key, ms)
        for key in around
        if not table.is_delivered(key)
        for ms in table.replicates_ms(key)
    ]
    spread = np.array([ms / around[key][0] - 1 for key, ms in profiled] or [0.0])
    predicted = {
        key: float(joint.whole_ms([table.workloads[key].graph.counts()])[0]) for key in delivered
    }
    found = delivered_factor(delivered, predicted, float(np.sqrt(np.mean(spread**2))))
    as_profiled = [(key, ms / found.without[key]) for key, ms in delivered.items()]
    residuals = [(ms - around[key][0]) / around[key][1] for key, ms in (*profiled, *as_profiled)]
    ordered = tuple(np.sort(residuals).tolist())
    return Closure(JOINT, found.factor, found.factor * joint.start_ms, ordered, len(around))


def _left_out(table: LatencyTable, joint: JointCosts) -> dict[str, tuple[float, float]]:
    """Return what each whole detector is predicted at from all others, and how surely, by key."""
    keys = [equation.key for equation in joint.equations if equation.whole]
    _, middles, sds = joint.left_out()
    around = {
        key: (float(middle), float(sd)) for key, middle, sd in zip(keys, middles, sds, strict=True)
    }
    for key in table.delivered_ms:
        if key not in around:
            counts = [table.workloads[key].graph.counts()]
            around[key] = float(joint.whole_ms(counts)[0]), float(joint.whole_sd_ms(counts)[0])
    return around


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
