"""Fit a predictor on a latency table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines import Measurement
from searchspaces import Graph, ModuleSpec

from .closure import Closure, fit_closure
from .errors import PredictorError, UnprofiledModuleError
from .predictor import ModuleCost, Predictor
from .table import LatencyTable

CI_TO_STDERR = 1 / (2 * 1.96)  # a 95 % interval spans 3.92 standard errors


def fit(table: LatencyTable) -> Predictor:
    """Fit in-context costs on the table's chains and the closure on its whole detectors.

    Modules that a profile did not reach are estimated from others of their kind; predictions say
    so by their coverage. Detectors that hold a module of which not even that is possible are left
    out.

    Raises:
        PredictorError: The table holds no chains or no whole detectors.
    """
    costs = context_costs(table)
    if not costs:
        raise PredictorError(
            "the table holds no chains to take module costs from; profile without --no-modules"
        )
    if not table.detectors():
        raise PredictorError(
            "the table holds no whole detectors to close the sum on; profile with --detectors 16"
        )
    open_sum = Predictor(table.manifest, costs, Closure("identity", 1.0, 0.0, (0.0,), 1), ())
    known = [(w, m) for w, m in table.detectors() if _is_covered(open_sum, w.graph)]
    if not known:
        planned = len(table.manifest.recipes)
        raise PredictorError(
            f"the profile is not finished: {planned - len(costs)} of {planned} modules have no "
            "cost yet, and no whole detector can be summed; go on with profile --resume"
        )
    sums = open_sum.predict_ms([workload.graph for workload, _ in known])
    measured = np.array([measurement.median_ms for _, measurement in known])
    keys = [workload.key for workload, _ in known]
    closure = fit_closure(sums, measured, [table.replicates_ms(key) for key in keys])
    return Predictor(table.manifest, costs, closure, tuple(sorted(keys)))


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
