"""Who survives in NSGA-II: constrained domination, then crowding.

Deb, Pratap, Agarwal, Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II",
IEEE Transactions on Evolutionary Computation 2002, doi:10.1109/4235.996017.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .dominance import FloatArray


def constrained_ranks(costs: FloatArray, excess: FloatArray) -> npt.NDArray[np.int64]:
    """Return the zero-based front that every row stands in (definition 1).

    What keeps the constraints dominates what does not; of two that do not, the one that exceeds
    them less dominates; of two that do, Pareto dominance decides. Rows that are not finite, which
    failed, come last.

    Args:
        costs: ``(n, m)``, minimised.
        excess: ``(n,)``, how far each row is from keeping the constraints; at most 0 if it does.

    Returns:
        ``(n,)`` ranks, 0 is the best.

    Example:
        >>> constrained_ranks(np.array([[1.0, 2], [2, 1], [2, 2], [0, 0]]), np.array([0, 0, 0, 1]))
        array([0, 0, 1, 2])
    """
    import moocore

    ranks = np.zeros(len(costs), dtype=np.int64)
    finite = np.isfinite(costs).all(axis=1)
    kept = finite & (excess <= 0.0)
    if kept.any():
        ranks[kept] = moocore.pareto_rank(costs[kept])
    behind = int(ranks[kept].max(initial=-1)) + 1
    broken = finite & ~kept
    amounts, places = np.unique(excess[broken], return_inverse=True)
    ranks[broken] = behind + places
    ranks[~finite] = behind + len(amounts)
    return ranks


def crowding(costs: FloatArray) -> FloatArray:
    """Return how far apart the neighbours of every row stand, summed over objectives (sec. III-B).

    The best and the worst of every objective are infinitely far, so that they survive. Distances
    count in shares of the range of an objective; one without range adds nothing.

    Args:
        costs: ``(n, m)``, finite, of one front.

    Returns:
        ``(n,)`` distances.

    Example:
        >>> crowding(np.array([[0.0, 4], [1, 2], [4, 0]])).tolist()
        [inf, 2.0, inf]
    """
    distance = np.zeros(len(costs))
    for column in costs.T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]] if len(order) else 0.0
        if span <= 0.0:
            continue
        distance[order[[0, -1]]] = np.inf
        distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return distance


def survivors(costs: FloatArray, excess: FloatArray, count: int) -> list[tuple[int, int, float]]:
    """Return the ``count`` best rows: by rank, then by crowding, then as given.

    Returns:
        ``(row, rank, crowding distance)``, best first; the distance is that within the row's
        whole front.
    """
    ranks = constrained_ranks(costs, excess)
    chosen: list[tuple[int, int, float]] = []
    for rank in range(int(ranks.max(initial=-1)) + 1):
        rows = np.flatnonzero(ranks == rank)
        finite = np.isfinite(costs[rows]).all()
        far = crowding(costs[rows]) if finite else np.zeros(len(rows))
        order = np.argsort(-far, kind="stable")
        chosen += [(int(rows[i]), rank, float(far[i])) for i in order]
        if len(chosen) >= count:
            break
    return chosen[:count]
