"""Fit a predictor on a latency table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engines import Measurement
from searchspaces import Graph, ModuleSpec

from .closure import Closure, fit_closure
from .errors import PredictorError, UnprofiledModuleError
from .estimator import fit_estimator
from .predictor import ModuleCost, Predictor
from .table import LatencyTable
from .workload import Workload

OPEN = Closure("identity", 1.0, 0.0, (0.0,), 0)
"""No closure: the sum as it is, calibrated on no detector."""

CI_TO_STDERR = 1 / (2 * 1.96)  # a 95 % interval spans 3.92 standard errors


def fit(table: LatencyTable, seed: int = 0) -> Predictor:
    """Fit in-context costs, an estimator of other modules, and the closure on whole detectors.

    Modules that a profile did not reach are estimated from others of their family; predictions
    say so by their coverage. Detectors that hold a module of which not even that is possible are
    left out. A table of modules alone, such as an imported one, gives a predictor of modules: the
    sums that it predicts are closed on nothing, and say so by a confidence of 0.

    Args:
        table: What was measured.
        seed: Draws the folds that calibrate the estimator's intervals.

    Raises:
        PredictorError: The table holds neither chains nor modules, or no whole detectors to
            close the sum of chains on.
    """
    rng = np.random.default_rng(seed)
    if table.entries and not table.manifest.recipes and not table.detectors():
        return _fit_modules(table, rng)
    costs = context_costs(table)
    if not costs:
        raise PredictorError(
            "the table holds no chains to take module costs from; profile without --no-modules"
        )
    if not table.detectors():
        raise PredictorError(
            "the table holds no whole detectors to close the sum on; profile with --detectors 16"
        )
    estimator = fit_estimator({spec: cost.ms for spec, cost in costs.items()}, rng)
    open_sum = Predictor(table.manifest, costs, OPEN, (), estimator)
    known = [(w, m) for w, m in table.detectors() if _is_covered(open_sum, w.graph)]
    if not known:
        planned = len(table.manifest.recipes)
        raise PredictorError(
            f"the profile is not finished: {planned - len(costs)} of {planned} modules have no "
            "cost yet, and no whole detector can be summed; go on with profile --resume"
        )
    return _close(table, open_sum, known)


def _close(
    table: LatencyTable, open_sum: Predictor, known: Sequence[tuple[Workload, Measurement]]
) -> Predictor:
    sums = open_sum.predict_ms([workload.graph for workload, _ in known])
    measured = np.array([measurement.median_ms for _, measurement in known])
    keys = [workload.key for workload, _ in known]
    closure = fit_closure(sums, measured, [table.replicates_ms(key) for key in keys])
    return replace(open_sum, closure=closure, calibrated_on=tuple(sorted(keys)))


def _fit_modules(table: LatencyTable, rng: np.random.Generator) -> Predictor:
    """Fit on modules that were timed alone."""
    costs = {spec: ModuleCost(m.median_ms, _stderr_ms(m)) for spec, m in table.entries.items()}
    estimator = fit_estimator({spec: cost.ms for spec, cost in costs.items()}, rng)
    return Predictor(table.manifest, costs, OPEN, (), estimator)


def _is_covered(predictor: Predictor, graph: Graph) -> bool:
    """Return whether every module of a graph is measured or can be estimated."""
    try:
        predictor.predict_ms([graph])
    except UnprofiledModuleError:
        return False
    return True


def context_costs(table: LatencyTable) -> dict[ModuleSpec, ModuleCost]:
    """Return the in-context cost of every module whose chains were all measured."""
    costs = {}
    for recipe in table.manifest.recipes:
        parts = [(weight, table.measurements.get(key)) for weight, key in recipe.terms]
        known = [(weight, part) for weight, part in parts if part is not None]
        if len(known) == len(parts):
            costs[recipe.spec] = _combine(known)
    return costs


def _combine(parts: Sequence[tuple[float, Measurement]]) -> ModuleCost:
    ms = sum(weight * part.median_ms for weight, part in parts)
    variance = sum((weight * _stderr_ms(part)) ** 2 for weight, part in parts)
    return ModuleCost(float(ms), float(np.sqrt(variance)))


def _stderr_ms(measurement: Measurement) -> float:
    """Return the standard error of a median; the samples' spread where they are too few."""
    low, high = measurement.ci_ms
    if not np.isfinite(high):
        return float(np.ptp(measurement.raw_ms))
    return (high - low) * CI_TO_STDERR
