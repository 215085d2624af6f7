"""Pareto dominance and hypervolume; moocore computes both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..errors import ObjectiveError
from ..objectives.objective import Objective

FloatArray = npt.NDArray[np.float64]


def minimised(values: npt.ArrayLike, objectives: Sequence[Objective]) -> FloatArray:
    """Return ``(n, m)`` values with the sign of every maximised objective turned.

    Raises:
        ObjectiveError: ``values`` has another number of columns than there are objectives.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.size == 0:
        table = table.reshape(0, len(objectives))
    if table.ndim != 2 or table.shape[1] != len(objectives):
        raise ObjectiveError(
            f"values must be (n, {len(objectives)}), one column per objective, "
            f"got shape {table.shape}"
        )
    costs: FloatArray = table * np.array([objective.sign for objective in objectives])
    return costs


def nondominated(values: npt.ArrayLike, objectives: Sequence[Objective]) -> npt.NDArray[np.bool_]:
    """Mark the rows that no other row dominates.

    A row dominates another if it is nowhere worse and somewhere better. Equal rows do not
    dominate each other: all of them are marked, or none. A row with a value that is not finite
    (NaN: a failed evaluation) is never marked and dominates nothing.

    Args:
        values: ``(n, m)``, one column per objective.
        objectives: The ``m`` objectives, minimised or maximised.

    Returns:
        ``(n,)`` booleans.

    Raises:
        ObjectiveError: The number of columns is wrong.

    Example:
        >>> ms, ap = Objective("latency_ms", "min"), Objective("ap", "max")
        >>> nondominated([[10, 30], [20, 40], [20, 35]], (ms, ap)).tolist()
        [True, True, False]
    """
    import moocore

    costs = minimised(values, objectives)
    finite = np.isfinite(costs).all(axis=1)
    mask = np.zeros(len(costs), dtype=bool)
    if finite.any():
        mask[finite] = moocore.is_nondominated(costs[finite], keep_weakly=True)
    return mask


def hypervolume(
    values: npt.ArrayLike, objectives: Sequence[Objective], reference: Sequence[float]
) -> float:
    """Return the volume that the rows dominate, bounded by a reference point.

    Rows that are not finite, or not better than the reference in every objective, add nothing.

    Args:
        values: ``(n, m)``, one column per objective.
        objectives: The ``m`` objectives, minimised or maximised.
        reference: ``(m,)``: the worst acceptable value of every objective, in its own unit.

    Raises:
        ObjectiveError: The number of columns or of reference values is wrong, or a reference
            value is not finite.

    Example:
        >>> ms, ap = Objective("latency_ms", "min"), Objective("ap", "max")
        >>> hypervolume([[10, 30], [20, 40]], (ms, ap), (30, 0))
        700.0
    """
    import moocore

    corner = minimised([reference], objectives)[0]
    if not np.isfinite(corner).all():
        raise ObjectiveError(f"the reference point must be finite, got {tuple(reference)}")
    costs = minimised(values, objectives)
    inside = np.isfinite(costs).all(axis=1) & (costs < corner).all(axis=1)
    return float(moocore.hypervolume(costs[inside], ref=corner)) if inside.any() else 0.0
