"""Statistics of a comparison of two tables: log ratios, their errors, moderated t-tests.

A table is a two-way layout: the logarithm of a median is that of its workload, plus what all
workloads of one pass over the machine have in common, plus its own error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..tables.table import LatencyTable
from .kinds import KindSides, Shares, kind_sides, shares_of
from .side import Side, side_of
from .variance import RESOLUTION, Tested, from_scatter, moderated, unexplained

Floats = npt.NDArray[np.float64]
UNSEEN_REL_SD = 0.005
"""Assumed relative spread of medians over engine builds where a table has one replicate only."""

SESSION_REL_SD = 0.005
"""Assumed relative spread of a machine between two sessions, which no replicate shows."""

PROPAGATION_FREEDOM = 40
"""Replicates of a kind that errors propagated from its workloads are worth."""

CONFIDENCE = 0.95
TESTS = 2  # of each: against the median change, and against none
MAX_WEIGHT = 1 / 3  # of one kind in the middle of all
ROUNDING = 1e-9
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
        error: Standard error of the log ratio in the more certain of both tests.
        freedom: Degrees of freedom of that error.
    """

    key: str
    a_ms: float
    b_ms: float
    log_ratio: float
    half_width: float
    p: float
    error: float
    freedom: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Hold what two tables say.

    Attributes:
        workloads: One effect each.
        kinds: The same for kinds of modules.
        untold: The same for kinds whose ratio is noise: what it may be says their interval.
    """

    workloads: tuple[Effect, ...]
    kinds: tuple[Effect, ...]
    untold: tuple[Effect, ...]


def compare(a: LatencyTable, b: LatencyTable, keys: Sequence[str]) -> Comparison:
    """Compare workloads that both tables measured, and the kinds of modules that they hold.

    Each is tested twice: against the median change of all kinds (of all workloads where kinds are
    few), which a session cannot shift, and as it is, against what sessions differ by.

    Returns:
        One effect for every key, and one for every kind, those apart whose ratio is noise.
    """
    first, second = side_of(a, keys), side_of(b, keys)
    shares = shares_of(a, keys, np.exp(first.mean))
    variance = _workload_variance(first, second, shares)
    told, untold = kind_sides(shares, first, second, variance)
    series = _with_variance(told)
    several = len(told.names) >= _MIN_KINDS
    test = _Test(*series) if several else _Test(first, second, variance)
    return Comparison(
        test.effects(keys, first, second, variance),
        test.effects(told.names, *series),
        test.effects(untold.names, *_with_variance(untold)),
    )


def _with_variance(kinds: KindSides) -> tuple[Side, Side, Tested]:
    return kinds.first, kinds.second, _kind_variance(kinds.first, kinds.second)


class _Test:
    """Judge ratios against the median ratio of some series, and against zero."""

    def __init__(self, first: Side, second: Side, variance: Tested) -> None:
        weights = _even_weights(variance.of_ratio)
        self._shift = weighted_median(second.mean - first.mean, weights)
        self._shift_variance = _MEDIAN_VARIANCE * float(weights**2 @ variance.of_ratio)
        self._session_variance = 2 * SESSION_REL_SD**2 + first.pass_variance + second.pass_variance

    def effects(
        self, names: Sequence[str], first: Side, second: Side, variance: Tested
    ) -> tuple[Effect, ...]:
        from scipy.stats import t

        ratios = second.mean - first.mean
        freedom = np.minimum(variance.freedom, 1e6)  # practically the normal distribution
        apart = np.sqrt(variance.of_ratio + self._shift_variance)
        errors = np.sqrt(variance.of_ratio + self._session_variance)
        relative = np.abs(ratios - self._shift) / apart
        p_values = [2 * t.sf(relative, freedom), 2 * t.sf(np.abs(ratios) / errors, freedom)]
        both = np.minimum(1.0, TESTS * np.minimum(*p_values))  # Bonferroni
        half_widths = t.ppf((1 + CONFIDENCE) / 2, freedom) * errors
        ms = (np.exp(first.mean), np.exp(second.mean))
        columns = (*ms, ratios, half_widths, both, np.minimum(apart, errors), freedom)
        return tuple(
            Effect(name, *map(float, values))
            for name, *values in zip(names, *columns, strict=True)
        )


def weighted_median(values: Floats, weights: Floats) -> float:
    """Return the middle of values ``(n,)``, each counted by its weight ``(n,)``.

    Example:
        >>> weighted_median(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 1.0]))
        2.0
        >>> weighted_median(np.array([1.0, 2.0]), np.array([0.5, 0.5]))
        1.5
    """
    order = np.argsort(values, kind="stable")
    ranks = np.cumsum(weights[order]) / weights.sum()
    low = int(np.searchsorted(ranks, 0.5 - ROUNDING))
    high = int(np.searchsorted(ranks, 0.5 + ROUNDING))
    return float(values[order[[low, min(high, len(order) - 1)]]].mean())


def _even_weights(variances: Floats) -> Floats:
    """Return weights ``(n,)`` of sum 1 that favour what is known well.

    No single one has more than :data:`MAX_WEIGHT`: if it alone changed, the middle would follow.
    """
    count = len(variances)
    if count * MAX_WEIGHT <= 1:
        return np.full(count, 1 / count)
    weights = 1.0 / variances
    for _ in range(count):
        weights = weights / weights.sum()
        heavy = weights > MAX_WEIGHT + ROUNDING
        if not heavy.any():
            break
        rest = max(1 - MAX_WEIGHT * heavy.sum(), ROUNDING)
        weights[heavy] = MAX_WEIGHT * weights[~heavy].sum() / rest
    return np.asarray(weights)


def _workload_variance(first: Side, second: Side, shares: Shares) -> Tested:
    """Return the variance of every workload's log ratio.

    From replicates where there are any, moderated over all workloads; else from samples and
    assumption, made larger where workloads scatter more about what their kinds explain.
    """
    own = first.within**2 / first.count + second.within**2 / second.count
    each = 1 / first.count + 1 / second.count
    freedom = first.freedom + second.freedom
    unseen = each * UNSEEN_REL_SD**2
    if freedom.any():
        pooled = moderated(first.squares + second.squares, freedom)
        of_ratio = np.maximum(pooled.of_ratio * each, own)
        return Tested(
            np.where(freedom > 0, of_ratio, np.maximum(of_ratio, own + unseen)), pooled.freedom
        )
    residuals, left = unexplained(second.mean - first.mean, shares.design)
    return from_scatter(residuals, left, own, unseen)


def _kind_variance(first: Side, second: Side) -> Tested:
    """Return the variance of every kind's log ratio: its workloads' errors, propagated.

    Where a kind scatters more than that over replicates (its workloads were measured one after
    the other, and something happened then), the variance grows accordingly.
    """
    propagated = np.maximum(first.within**2 + second.within**2, RESOLUTION**2)
    freedom = first.freedom + second.freedom
    squares = (first.squares + second.squares) * (1 / first.count + 1 / second.count)
    total = PROPAGATION_FREEDOM + freedom
    drawn = (PROPAGATION_FREEDOM * propagated + squares) / total
    return Tested(np.maximum(propagated, drawn), total)
