"""Fit a predictor on a latency table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines import Measurement
from searchspaces import ModuleSpec

from .closure import Closure, fit_closure
from .errors import PredictorError, UnprofiledModuleError
from .predictor import ModuleCost, Predictor
from .table import LatencyTable

CI_TO_STDERR = 1 / (2 * 1.96)  # a 95 % interval spans 3.92 standard errors


def fit(table: LatencyTable) -> Predictor:
    """Fit in-context costs on the table's chains and the closure on its whole detectors.

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
    open_sum = Predictor(table.manifest, costs, Closure("identity", 1.0, 0.0, (0.0,)))
    graphs = [workload.graph for workload, _ in table.detectors()]
    measured = np.array([measurement.median_ms for _, measurement in table.detectors()])
    try:
        sums = open_sum.predict_ms(graphs)
    except UnprofiledModuleError as error:
        raise PredictorError(f"the profile is not finished: {error}") from error
    return Predictor(table.manifest, costs, fit_closure(sums, measured))


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
    variance = 0.0
    for weight, part in parts:
        low, high = part.ci_ms
        variance += (weight * (high - low) * CI_TO_STDERR) ** 2
    return ModuleCost(float(ms), float(np.sqrt(variance)))
