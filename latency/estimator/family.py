"""Estimate modules of one family from measured ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from searchspaces import ModuleSpec

from .blend import Blend, train
from .features import COUNT, features
from .jobs import Job, Plan, together
from .kriging import Kriging, fit_kriging
from .neighbours import REACH, AxisNeighbours
from .prior import Prior
from .shape import Axes
from .trees import Forest, forest_of, join
from .trend import Trend

Floats = npt.NDArray[np.float64]
MIN_MODULES = 8
"""Below, a family's modules say too little; a rate per multiply-add has to do."""

MIN_FOR_TREES = 100
"""Below, trees predict left-out modules no better than kriging alone."""

MIN_FOR_NETWORKS = 500
"""Below, a network sees too little to add to trees."""

MAX_FOR_PRIOR = 500
"""From here on modules say more than a data sheet. MAPE from random V100 rows in fp32, without and
with the simulated V100: 100 rows 32.0 and 20.5 %, 300 rows 14.0 and 12.3 %, 1,000 rows 7.6 and
7.9 %."""

FOLDS, MAX_SCORES = 3, 2000
BEGINNING = 70.0  # cost of one module before trees and networks, where one in one tree costs 1
ROUNDS, RATE, SEEDS = 250, 0.1, 2
SETTINGS = {"max_leaf_nodes": 63, "max_features": 0.15}
LEAVES, LEAST, MOST = 500, 10, 20
"""A leaf holds at least a 500th of the modules, and 10 to 20 of them: tables of 10,000 hold more
of the outliers that a leaf must outweigh, tables of 1,000 cannot spare more."""

OUTLIER = 0.05
"""Errors above 5 % lower a module's weight: two tactics may serve one shape, and the middle
between their times is right for neither."""

FARTHEST = 1.5  # errors of log(ms) beyond it weigh like this one

REACH_QUANTILE, REACH_SLACK = 0.995, 1.25


@dataclass(frozen=True, slots=True)
class Family:
    """Hold what was learned of one family.

    Attributes:
        axes: What tells its modules apart.
        trend: How their times grow.
        kriging: What the trend leaves, by place.
        log_ms: Logarithms of the measured times ``(n,)``.
        reach: Distance to the nearest measured module that is still usual.
        forest: What kriging leaves; ``None`` where modules are too few.
        blend: What networks leave of the trend; ``None`` where they add nothing.
        scores: Absolute errors of log(ms) of modules that were left out, sorted.
    """

    axes: Axes
    trend: Trend
    kriging: Kriging
    log_ms: Floats
    reach: float
    forest: Forest | None
    blend: Blend | None
    scores: Floats

    def same_as(self, other: Family) -> bool:
        """Return whether both hold the same measurements and therefore estimate alike."""
        return (
            self.axes.names == other.axes.names
            and np.array_equal(self.kriging.places, other.kriging.places)
            and np.array_equal(self.kriging.scales, other.kriging.scales)
            and self.kriging.order == other.kriging.order
            and np.array_equal(self.log_ms, other.log_ms)
            and np.array_equal(self.scores, other.scores)
            and (self.forest is None) == (other.forest is None)
            and (
                self.forest is None
                or other.forest is None
                or np.array_equal(self.forest.value, other.forest.value)
            )
            and (self.blend is None) == (other.blend is None)
            and (self.blend is None or other.blend is None or self.blend.same_as(other.blend))
        )

    def estimate(self, specs: Sequence[ModuleSpec]) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return log(ms) ``(n,)`` and whether modules are like the measured ones ``(n,)``."""
        places, inside = self.axes.locate(specs)
        table = features(specs)
        level = self.trend.apply(specs, table)
        mean, variance, distance = self.kriging.predict(places)
        found = level + mean
        if self.forest is not None:
            columns = _columns(self, table, places, level, mean, variance, distance)
            found = found + self.forest.predict(columns)
        if self.blend is not None:
            found = self.blend.mix(found, level, table, places)
        return found, inside & (distance <= self.reach)


@dataclass(frozen=True, slots=True)
class _Begun:
    """Hold a family before trees and networks, and what those learn from.

    Attributes:
        family: Without either.
        columns: What trees see ``(n, f)``.
        left: What kriging leaves ``(n,)``, which trees learn.
        table: Features ``(n, f)``, which networks see.
        places: Coordinates ``(n, d)``, which networks see.
        values: What the trend leaves ``(n,)``, which networks learn.
    """

    family: Family
    columns: Floats
    left: Floats
    table: Floats
    places: Floats
    values: Floats


def fit_family(
    measured: Mapping[ModuleSpec, float],
    rng: np.random.Generator,
    prior: Prior | None = None,
    share: float = 1.0,
) -> Plan[Family]:
    """Plan to learn from modules of one family.

    Args:
        measured: Milliseconds of at least :data:`MIN_MODULES` modules.
        rng: Draws probes, folds and what networks begin with: one that was not used yet.
        prior: A simulated device to begin with where modules are few.
        share: Of the usual epochs of networks, above 0 and at most 1.
    """
    prior = prior if len(measured) < MAX_FOR_PRIOR else None
    # Before NumPy 2 a generator that came through another process cannot spawn alike.
    of_begun, of_folds, of_networks = rng.spawn(3)
    beginning = Job(_begin, (measured, of_begun, prior), BEGINNING * len(measured))
    answers: list[_Begun] = yield [beginning]
    begun = answers[0]
    if len(measured) < MIN_FOR_TREES:
        return begun.family
    fold = of_folds.permutation(len(measured)) % FOLDS
    plans: list[Plan[Any]] = [_fit_trees(begun.columns, begun.left, fold)]
    if len(measured) >= MIN_FOR_NETWORKS:
        plans.append(train(begun.table, begun.places, begun.values, of_networks, share))
    (forest, errors), *trained = yield from together(plans)
    blend, errors = trained[0].beside(errors) if trained else (None, errors)
    return replace(begun.family, forest=forest, blend=blend, scores=_thinned(errors))


def _begin(
    measured: Mapping[ModuleSpec, float], rng: np.random.Generator, prior: Prior | None
) -> _Begun:
    """Fit what grows and what resembles its neighbours."""
    specs = list(measured)
    log_ms = np.log(np.array([measured[spec] for spec in specs]))
    axes = Axes.of(specs)
    places, _ = axes.locate(specs)
    table = features(specs)
    grown = Trend.fit(specs, table, log_ms, rng, prior)
    level = grown.apply(specs, table)
    kriging = fit_kriging(places, log_ms - level, rng)
    mean, variance, distance = kriging.predict(places, leave_out=True)
    reach = REACH_SLACK * float(np.quantile(distance, REACH_QUANTILE))
    left = log_ms - level - mean
    family = Family(axes, grown, kriging, log_ms, reach, None, None, _thinned(left))
    columns = np.zeros((0, 0))
    if len(specs) >= MIN_FOR_TREES:
        said = level, mean, variance, distance
        columns = _columns(family, table, places, *said, leave_out=True)
    return _Begun(family, columns, left, table, places, log_ms - level)


def _columns(
    family: Family,
    table: Floats,
    places: Floats,
    level: Floats,
    mean: Floats,
    variance: Floats,
    distance: Floats,
    *,
    leave_out: bool = False,
) -> Floats:
    """Return what the trees see ``(n, f)``; neighbours relative to what kriging says."""
    values = np.stack([family.kriging.values, family.log_ms], axis=1)
    lines = AxisNeighbours(family.kriging.places, values, family.axes.charts())
    near, extents = lines.features(places, leave_out=leave_out)
    near = near - np.stack([mean, mean + level], axis=1)[:, None]
    said = np.stack([level, mean, variance, distance], axis=1)
    return np.concatenate([table, said, places, near.reshape(len(near), -1), extents], axis=1)


def column_count(axes: Axes) -> int:
    """Return how many columns the trees of a family see."""
    charts = len(axes.charts())
    return COUNT + 4 + len(axes.kept) + 3 * charts * (2 * REACH + 1)


def _fit_trees(
    columns: Floats, left: Floats, fold: npt.NDArray[np.int64]
) -> Plan[tuple[Forest, Floats]]:
    """Plan trees for what kriging leaves, and the errors of trees that left modules out.

    Args:
        columns: What trees see ``(n, f)``.
        left: What kriging leaves ``(n,)``.
        fold: Of each module ``(n,)``, below :data:`FOLDS`: each is left out of one fit.
    """
    errors = np.empty(len(left))
    some: list[Floats] = yield [
        Job(_left_out_errors, (columns, left, fold != number), ROUNDS * len(left))
        for number in range(FOLDS)
    ]
    for number, each in enumerate(some):
        errors[fold == number] = each
    given = columns, left, _weights(errors)
    forests = yield [Job(_boosted, (*given, seed), ROUNDS * len(left)) for seed in range(SEEDS)]
    return join(forests), errors


def _left_out_errors(columns: Floats, left: Floats, seen: npt.NDArray[np.bool_]) -> Floats:
    """Return errors, measured less estimated, of the modules that trees have not seen."""
    forest = _boosted(columns[seen], left[seen], None)
    return np.asarray(left[~seen] - forest.predict(columns[~seen]))


def _weights(errors: Floats) -> Floats:
    """Return weights ``(n,)`` with which least squares of log(ms) find least percentages.

    With e = log(measured / predicted) a percentage is |exp(-e) - 1|. Its slope is exp(-e), that
    of a square with the weight exp(-e) / |e|: one step of iteratively reweighted least squares.
    A module that was faster than thought weighs more than one that was slower.
    """
    slope = np.exp(-np.clip(errors, -FARTHEST, FARTHEST))
    return np.asarray(slope / np.maximum(np.abs(errors), OUTLIER))


def _boosted(
    columns: Floats,
    values: Floats,
    weights: Floats | None,
    seed: int = 0,
) -> Forest:
    """Fit gradient-boosted trees; columns that never vary are left out."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    used = _varying(columns)
    model = HistGradientBoostingRegressor(
        max_iter=ROUNDS,
        learning_rate=RATE,
        early_stopping=False,
        random_state=seed,
        min_samples_leaf=int(np.clip(len(values) // LEAVES, LEAST, MOST)),
        **SETTINGS,
    )
    model.fit(columns[:, used], values, sample_weight=weights)
    return forest_of(model).renumbered(used)


def _varying(columns: Floats) -> npt.NDArray[np.int64]:
    """Return the columns with at least two finite values."""
    shown = np.where(np.isfinite(columns), columns, np.nan)
    low = np.where(np.isnan(shown), np.inf, shown).min(0)
    high = np.where(np.isnan(shown), -np.inf, shown).max(0)
    return np.flatnonzero(high > low)


def _thinned(errors: Floats) -> Floats:
    """Return sorted absolute errors, at most :data:`MAX_SCORES` of them, evenly picked."""
    ordered = np.sort(np.abs(errors))
    if len(ordered) <= MAX_SCORES:
        return ordered
    picked: Floats = ordered[np.linspace(0, len(ordered) - 1, MAX_SCORES).round().astype(int)]
    return picked
