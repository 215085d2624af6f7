"""Fit a predictor on a latency table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from engines import Measurement
from searchspaces import ModuleSpec

from ..errors import PredictorError
from ..estimator import Prior, fit_estimator
from ..estimator.family import MAX_FOR_PRIOR, MIN_MODULES
from ..estimator.shape import family_of
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
from ..simulated.device_file import specification_of
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
            to resemble: few measurements then do (see :func:`latency.transfer`). For a table of
            modules alone it is a simulated device.

    Raises:
        PredictorError: The table holds neither modules nor whole detectors to close a sum on;
            or the source knows modules alone, or is not simulated though the table does.
    """
    if table.entries and not table.detectors() and not _has_chains(table):
        return _fit_modules(table, np.random.default_rng(seed), _prior_of(source))
    if not table.detectors():
        raise PredictorError(
            "the table holds no whole detectors to close the sum on; profile with --detectors 16"
        )
    joint = learn_joint(table, source)
    keys = tuple(sorted(workload.key for workload, _ in table.detectors()))
    return Predictor(
        table.manifest,
        costs_of(joint),
        _closure(table, joint),
        keys,
        joint=joint,
        reference_ms=table.reference_ms,
    )


def costs_of(joint: JointCosts) -> dict[ModuleSpec, ModuleCost]:
    """Return what every measured module costs inside a whole detector, by key."""
    specs = sorted({s for e in joint.equations for s in e.counts}, key=lambda spec: spec.key)
    return {
        spec: ModuleCost(cost.ms, cost.sd_ms)
        for spec, cost in zip(specs, joint.modules(specs), strict=True)
    }


def learn_joint(
    table: LatencyTable, source: Predictor | SimulatedPredictor | None = None
) -> JointCosts:
    """Learn from what was profiled, and from delivered engines that do not contradict it.

    An engine may: then the closure's factor holds what it says, and costs stay as sure as before.

    Raises:
        PredictorError: No chain or whole detector was measured, or the source knows modules alone.
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
        return SimulatedBasis(*_named(source))
    if source.joint is None:
        raise PredictorError(
            "the source was fitted on modules alone or by an earlier version; fit it anew on a "
            "table of chains and whole detectors"
        )
    return KnownBasis(source.joint, HALF)


def _named(source: SimulatedPredictor) -> tuple[str, str, str]:
    """Return name, precision and specification, by which a file finds the device again."""
    name = f"{source.device.name}:{source.engine}"
    return name, source.precision, specification_of(source.device)


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


def _prior_of(source: Predictor | SimulatedPredictor | None) -> Prior | None:
    """Return what modules timed alone are compared with, before many are measured.

    Raises:
        PredictorError: The source was measured: it tells what modules cost inside detectors.
    """
    if source is None:
        return None
    if not isinstance(source, SimulatedPredictor):
        raise PredictorError(
            "the table holds modules alone, no chains or whole detectors: of these a simulated "
            "device is the only prior; name one by --from simulated:V100:tensorrt, or leave "
            "--from out"
        )
    return Prior(*_named(source))


def _fit_modules(table: LatencyTable, rng: np.random.Generator, prior: Prior | None) -> Predictor:
    """Fit on modules that were timed alone."""
    costs = {spec: ModuleCost(m.median_ms, _stderr_ms(m)) for spec, m in table.entries.items()}
    sizes = Counter(map(family_of, costs)).values()
    if prior is not None and not any(MIN_MODULES <= size < MAX_FOR_PRIOR for size in sizes):
        raise PredictorError(
            "--from does nothing here: a simulated device is a first guess for families of "
            f"{MIN_MODULES} to {MAX_FOR_PRIOR - 1} modules, and the table has none; leave it out"
        )
    estimator = fit_estimator({spec: cost.ms for spec, cost in costs.items()}, rng, prior)
    return Predictor(table.manifest, costs, OPEN, (), estimator)


def _stderr_ms(measurement: Measurement) -> float:
    """Return the standard error of a median; the samples' spread where they are too few."""
    low, high = measurement.ci_ms
    if not np.isfinite(high):
        return float(np.ptp(measurement.raw_ms))
    return (high - low) * CI_TO_STDERR
