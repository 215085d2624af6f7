"""Choose which modules to measure next, so that all the others are estimated best.

Each choice is the module that covers most of what is still uncertain: the gain of a facility
location (Cornuejols, Fisher, Nemhauser, doi:10.1287/mnsc.23.8.789), whose greedy choice is at
least 63 % of the best. Covered means correlated with a measured module; uncertain means that
trees grown on other halves of the measurements disagree (query by committee, Seung et al.,
doi:10.1145/130385.130417). Before there are measurements every module is as uncertain as another.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from searchspaces import ModuleSpec

from ..errors import PredictorError
from .family import MIN_MODULES
from .features import features, work
from .kriging import DIRECT, START, fit_kriging
from .shape import Axes, family_of

Floats = npt.NDArray[np.float64]
MAX_POOL = 3000
"""At most so many candidates, drawn at random, are compared with one another at once."""

COMMITTEE = 50
MIN_FOR_METRIC = 40
FLOOR = 1.0
"""Share of the mean uncertainty that every candidate has at least: committees can be sure and
wrong. On the V100 table 0.25 makes the choice no better than chance, 1 better."""


def choose_next(
    candidates: Sequence[ModuleSpec],
    measured: Mapping[ModuleSpec, float],
    n: int,
    rng: np.random.Generator,
) -> tuple[ModuleSpec, ...]:
    """Choose up to ``n`` candidates that are not measured yet, the most useful first.

    Args:
        candidates: Modules that may be measured and are to be estimated.
        measured: Milliseconds of what was measured; may be empty.
        n: How many to choose; fewer only where fewer are left.
        rng: Draws the pool and the committee.

    Raises:
        PredictorError: ``n`` is below 1.
    """
    if n < 1:
        raise PredictorError(f"n must be at least 1, got {n}")
    fresh = [spec for spec in dict.fromkeys(candidates) if spec not in measured]
    drawn = rng.permutation(len(fresh))[: max(MAX_POOL, n)]
    pool: dict[str, list[ModuleSpec]] = {}
    for index in drawn:
        pool.setdefault(family_of(fresh[index]), []).append(fresh[index])
    gains: list[tuple[float, ModuleSpec]] = []
    for name, specs in sorted(pool.items()):
        known = {s: ms for s, ms in measured.items() if family_of(s) == name and ms > 0}
        gains += _ranked(specs, known, n, rng)
    gains.sort(key=lambda pair: -pair[0])  # stable: each family's own order is kept
    return tuple(spec for _, spec in gains[:n])


def _ranked(
    specs: list[ModuleSpec],
    known: Mapping[ModuleSpec, float],
    n: int,
    rng: np.random.Generator,
) -> list[tuple[float, ModuleSpec]]:
    """Return up to ``n`` candidates of one family with what each adds, the greatest first."""
    everything = [*known, *specs]
    places, _ = Axes.of(everything).locate(everything)
    scales, doubt = np.full(places.shape[1], START), np.ones(len(specs))
    order = DIRECT
    if len(known) >= MIN_MODULES:
        table = np.column_stack([features(everything), places])
        times = np.log(np.array(list(known.values()))) - work(list(known))
        if len(known) >= MIN_FOR_METRIC:
            model = fit_kriging(places[: len(known)], times, rng)
            scales, order = model.scales, model.order
        doubt = _doubt(table[: len(known)], times, table[len(known) :], rng)
    scaled = places * scales
    covered = np.zeros(len(specs))
    if known:
        covered = _alike(scaled[len(known) :], scaled[: len(known)], order).max(1)
    alike = _alike(scaled[len(known) :], scaled[len(known) :], order)
    chosen, gains = _greedy(alike, covered, doubt, n)
    return [(gain, specs[index]) for index, gain in zip(chosen, gains, strict=True)]


def _greedy(
    alike: Floats, covered: Floats, doubt: Floats, n: int
) -> tuple[list[int], list[float]]:
    """Take again and again what adds most (Minoux' lazy form: gains only ever shrink)."""

    def gain(index: int) -> float:
        return float(doubt @ np.maximum(alike[:, index] - covered, 0.0))

    heap = [(-gain(index), index) for index in range(len(doubt))]
    heapq.heapify(heap)
    order: list[int] = []
    gains: list[float] = []
    while heap and len(order) < n:
        _, index = heap[0]
        now = gain(index)
        heapq.heapreplace(heap, (-now, index))
        if heap[0][1] == index:  # no other's last known gain is greater
            heapq.heappop(heap)
            order.append(index)
            gains.append(now)
            covered = np.maximum(covered, alike[:, index])
    return order, gains


def _alike(a: Floats, b: Floats, order: int) -> Floats:
    """Return correlations ``(n, m)`` of places ``(n, d)`` and ``(m, d)``; see :mod:`.kriging`."""
    from scipy.spatial.distance import cdist

    return np.asarray(np.exp(-cdist(a, b, "minkowski", p=order)))


def _doubt(table: Floats, times: Floats, asked: Floats, rng: np.random.Generator) -> Floats:
    """Return how far trees grown on resampled measurements disagree ``(n,)``."""
    from sklearn.ensemble import ExtraTreesRegressor

    model = ExtraTreesRegressor(
        COMMITTEE,
        min_samples_leaf=2,
        max_features=0.5,
        bootstrap=True,
        random_state=int(rng.integers(2**31)),
    ).fit(table, times)
    spread: Floats = np.std([tree.predict(asked) for tree in model.estimators_], axis=0)
    return np.asarray(np.maximum(spread, FLOOR * spread.mean()))
