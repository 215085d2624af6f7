"""Statistics of a comparison of two tables: log ratios, their errors, moderated t-tests.

A table is a two-way layout: the logarithm of a median is that of its workload, plus what all
workloads of one pass over the machine have in common, plus its own error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from engines import Measurement

from .table import LatencyTable
from .variance import RESOLUTION, Tested, from_scatter, moderated
from .workload import MODULE

Floats = npt.NDArray[np.float64]
UNSEEN_REL_SD = 0.005
"""Assumed relative spread of medians over engine builds where a table has one replicate only."""

SESSION_REL_SD = 0.005
"""Assumed relative spread of a machine between two sessions, which no replicate shows."""

PROPAGATION_FREEDOM = 20
"""Replicates of a kind that errors propagated from its workloads are worth."""

NORMAL_95 = 1.959963984540054
CONFIDENCE = 0.95
_SEPARATED = 3.0  # a kind's cost must exceed its own standard error by so much to have a ratio
_MIN_KINDS = 3  # whose median one changed kind does not move
_MEDIAN_VARIANCE = math.pi / 2  # of a median over that of a mean, for normal errors


@dataclass(frozen=True, slots=True)
class Effect:
    """Hold one comparison.

    Attributes:
        key: Of the workload, or the kind.
        a_ms: Before.
        b_ms: After.
        log_ratio: log(b / a).
        half_width: Of its 95 % interval, in which sessions differ by :data:`SESSION_REL_SD`.
        p: Two-sided, of no change.
    """

    key: str
    a_ms: float
    b_ms: float
    log_ratio: float
    half_width: float
    p: float


@dataclass(frozen=True, slots=True)
class _Side:
    """Hold what one table says of some series (workloads or kinds).

    Attributes:
        log_ms: ``(n, passes)`` logarithms of medians without what a pass has in common; NaN where
            a replicate is missing.
        within: ``(n,)`` standard errors of one replicate's log median by its own samples.
        pass_variance: Of the mean of what passes have in common; 0 for a single pass.
    """

    log_ms: Floats
    within: Floats
    pass_variance: float

    @property
    def count(self) -> Floats:
        """Return the replicates ``(n,)`` of every series."""
        return np.asarray(np.isfinite(self.log_ms).sum(axis=1), dtype=np.float64)

    @property
    def mean(self) -> Floats:
        """Return the means ``(n,)`` of the logarithms."""
        return np.asarray(np.nanmean(self.log_ms, axis=1))

    @property
    def squares(self) -> Floats:
        """Return the sums of squares ``(n,)`` about the mean."""
        return np.asarray(np.nansum((self.log_ms - self.mean[:, None]) ** 2, axis=1))


def compare(
    a: LatencyTable, b: LatencyTable, keys: Sequence[str]
) -> tuple[tuple[Effect, ...], tuple[Effect, ...]]:
    """Compare workloads that both tables measured, and the kinds of modules that they hold.

    Each is tested twice: against the median change of all kinds (of all workloads where kinds are
    few), which a session cannot shift, and as it is, against what sessions differ by.

    Returns:
        One effect for every key, and one for every kind.
    """
    first, second = _side(a, keys), _side(b, keys)
    variance = _workload_variance(first, second, [_kinds_of(a, key) for key in keys])
    names, one, other = _kind_sides(a, keys, first, second, variance)
    of_kinds = _kind_variance(one, other)
    if len(names) >= _MIN_KINDS:
        test = _Test(one, other, of_kinds)
    else:
        test = _Test(first, second, variance)
    return test.effects(keys, first, second, variance), test.effects(names, one, other, of_kinds)


class _Test:
    """Judge ratios against the median ratio of some series, and against zero."""

    def __init__(self, first: _Side, second: _Side, variance: Tested) -> None:
        ratios = second.mean - first.mean
        self._shift = float(np.median(ratios))
        self._shift_variance = _MEDIAN_VARIANCE * float(variance.of_ratio.mean()) / len(ratios)
        self._session_variance = 2 * SESSION_REL_SD**2 + first.pass_variance + second.pass_variance

    def effects(
        self, names: Sequence[str], first: _Side, second: _Side, variance: Tested
    ) -> tuple[Effect, ...]:
        from scipy.stats import t

        ratios = second.mean - first.mean
        freedom = np.minimum(variance.freedom, 1e6)  # practically the normal distribution
        relative = np.abs(ratios - self._shift) / np.sqrt(variance.of_ratio + self._shift_variance)
        errors = np.sqrt(variance.of_ratio + self._session_variance)
        p_values = [2 * t.sf(relative, freedom), 2 * t.sf(np.abs(ratios) / errors, freedom)]
        both = np.minimum(1.0, 2 * np.minimum(*p_values))  # Bonferroni: two tests of each
        half_widths = t.ppf((1 + CONFIDENCE) / 2, freedom) * errors
        columns = (np.exp(first.mean), np.exp(second.mean), ratios, half_widths, both)
        return tuple(
            Effect(name, *map(float, values))
            for name, *values in zip(names, *columns, strict=True)
        )


def _side(table: LatencyTable, keys: Sequence[str]) -> _Side:
    index = {key: place for place, key in enumerate(keys)}
    quiet = {id(part) for key in keys for part in table.replicates(key)}
    rows = [
        (index[row.workload.key], row.replicate, row.measurement)
        for row in table.rows
        if row.measurement is not None and id(row.measurement) in quiet
    ]
    log_ms = np.full((len(keys), 1 + max(replicate for _, replicate, _ in rows)), np.nan)
    squares = np.zeros(len(keys))
    for place, replicate, measurement in rows:
        log_ms[place, replicate] = math.log(measurement.median_ms)
        squares[place] += _relative_error(measurement) ** 2
    log_ms = log_ms[:, np.isfinite(log_ms).any(axis=0)]
    count = np.isfinite(log_ms).sum(axis=1)
    passes = np.nanmedian(log_ms - np.nanmean(log_ms, axis=1)[:, None], axis=0)
    several = len(passes) > 1
    return _Side(
        log_ms - passes if several else log_ms,
        np.sqrt(squares / count),
        float(passes.var(ddof=1)) / len(passes) if several else 0.0,
    )


def _relative_error(measurement: Measurement) -> float:
    """Return the relative standard error of a median; 0 where samples are too few to tell."""
    width = measurement.rel_ci
    return width / NORMAL_95 if math.isfinite(width) else 0.0


def _workload_variance(first: _Side, second: _Side, groups: Sequence[str]) -> Tested:
    """Return the variance of every workload's log ratio.

    From replicates where there are any, moderated over all workloads; else from samples and
    assumption, made larger where workloads of one kind scatter more than that.
    """
    own = first.within**2 / first.count + second.within**2 / second.count
    each = 1 / first.count + 1 / second.count
    freedom = first.count + second.count - 2
    unseen = each * UNSEEN_REL_SD**2
    if freedom.any():
        pooled = moderated(first.squares + second.squares, freedom)
        of_ratio = np.maximum(pooled.of_ratio * each, own)
        return Tested(
            np.where(freedom > 0, of_ratio, np.maximum(of_ratio, own + unseen)), pooled.freedom
        )
    return from_scatter(second.mean - first.mean, own, unseen, groups)


def _kind_sides(
    table: LatencyTable, keys: Sequence[str], first: _Side, second: _Side, variance: Tested
) -> tuple[list[str], _Side, _Side]:
    """Return the names and both sides of the kinds that noise does not hide."""
    weights = _kind_weights(table, keys, np.exp(first.mean))
    matrix = np.stack(list(weights.values())) if weights else np.zeros((0, len(keys)))
    one, other = (_kind_side(matrix, side, variance) for side in (first, second))
    both = np.concatenate([one.log_ms, other.log_ms], axis=1)
    good = np.asarray(np.isfinite(both).all(axis=1))
    names = [name for name, usable in zip(weights, good, strict=True) if usable]
    one, other = (
        _Side(side.log_ms[good], side.within[good], side.pass_variance) for side in (one, other)
    )
    return names, one, other


def _kind_side(matrix: Floats, side: _Side, variance: Tested) -> _Side:
    """Return the logarithms of kinds' costs; NaN for those that noise hides.

    Missing replicates count as their workload's mean.
    """
    filled = np.where(np.isfinite(side.log_ms), side.log_ms, side.mean[:, None])
    sums = matrix @ np.exp(filled)
    middle = sums.mean(axis=1)
    errors_ms = np.exp(side.mean) * np.sqrt(variance.of_ratio / 2)
    errors = np.sqrt(matrix**2 @ errors_ms**2)  # workloads being independent
    usable = (sums > 0).all(axis=1) & (middle > _SEPARATED * errors)
    logs, within = np.full(sums.shape, np.nan), np.zeros(len(sums))
    logs[usable] = np.log(sums[usable])
    within[usable] = errors[usable] / middle[usable]
    return _Side(logs, within, side.pass_variance)


def _kind_variance(first: _Side, second: _Side) -> Tested:
    """Return the variance of every kind's log ratio: its workloads' errors, propagated.

    Where a kind scatters more than that over replicates (its workloads were measured one after
    the other, and something happened then), the variance grows accordingly.
    """
    propagated = np.maximum(first.within**2 + second.within**2, RESOLUTION**2)
    freedom = first.count + second.count - 2
    squares = (first.squares + second.squares) * (1 / first.count + 1 / second.count)
    total = PROPAGATION_FREEDOM + freedom
    drawn = (PROPAGATION_FREEDOM * propagated + squares) / total
    return Tested(np.maximum(propagated, drawn), total)


def _kinds_of(table: LatencyTable, key: str) -> str:
    return "+".join(sorted({node.spec.kind for node in table.workloads[key].graph.nodes}))


def _kind_weights(table: LatencyTable, keys: Sequence[str], a_ms: Floats) -> Mapping[str, Floats]:
    """Return for every kind the weights ``(n,)`` of the workloads' times that make its cost.

    The sum of in-context costs where there are recipes, else the mean ratio of modules alone.
    """
    index = {key: place for place, key in enumerate(keys)}
    weights: dict[str, Floats] = {}
    row_of = partial(np.zeros, len(keys))
    for recipe in table.manifest.recipes:
        if all(key in index for _, key in recipe.terms):
            row = weights.setdefault(recipe.spec.kind, row_of())
            for weight, key in recipe.terms:
                row[index[key]] += weight
    if weights:
        return dict(sorted(weights.items()))
    for key, place in index.items():
        workload = table.workloads[key]
        if workload.role == MODULE:
            row = weights.setdefault(workload.graph.nodes[0].spec.kind, row_of())
            row[place] = 1 / a_ms[place]
    for row in weights.values():
        row *= float(a_ms[row > 0].mean())  # so that it adds up to the sum before
    return dict(sorted(weights.items()))
