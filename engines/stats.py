"""Statistics of few, skewed, positive samples: order statistics and robust slopes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
CONFIDENCE = 0.95
RESAMPLES = 400
# Beyond it the estimate says little more than "a trend"; 39 samples then count as one.
MAX_AUTOCORRELATION = 0.95
# Three in each third: fewer tell no spread.
MIN_FOR_THIRDS = 9
_MAD_TO_SD = 1.482602218505602  # of a normal distribution
_MEDIAN_VARIANCE = math.pi / 2  # of a median over that of a mean, for normal errors


@lru_cache(maxsize=4096)
def median_ci_rank(n: int, confidence: float = CONFIDENCE) -> int:
    """Return the largest rank ``k`` with P(X(k) <= median <= X(n + 1 - k)) >= ``confidence``.

    The number of samples below the median is binomial(n, 1/2) whatever the distribution, so the
    coverage is 1 - 2 P(B <= k - 1), computed exactly. Returns 0 where ``n`` is too small.

    Source: David & Nagaraja, Order Statistics, 3rd ed., sec. 7.1.
    """
    tail = (1.0 - confidence) / 2.0
    limit = int(tail * 2**53) * 2**n // 2**53  # in integers: 2**n overflows a float
    below, term = 0, 1  # sum of C(n, i) for i < k, and C(n, k)
    for k in range(n // 2 + 1):
        below += term
        if below > limit:
            return k
        term = term * (n - k) // (k + 1)
    return n // 2


def rank_autocorrelation(samples: Sequence[float]) -> float:
    """Return the correlation of each sample's rank with that of the sample before it.

    Of ranks, so that one outlier neither hides nor makes it; ties share their mean rank. Corrected
    for the bias of short series, about ``-(1 + 3 rho) / n``. An estimate that independent samples
    reach often, below its own standard error ``1 / sqrt(n)``, counts as 0: taking it at its word
    would widen every interval of independent samples. Never below 0, nor above
    :data:`MAX_AUTOCORRELATION`.

    Source: Marriott & Pope 1954 (doi:10.1093/biomet/41.3-4.390) and Bartlett 1946
    (doi:10.2307/2983611) for bias and standard error.
    """
    n = len(samples)
    if n < 3:
        return 0.0
    _, place, counts = np.unique(np.asarray(samples), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[place.reshape(-1)]
    ranks -= ranks.mean()
    energy = float(ranks @ ranks)
    rho = float(ranks[1:] @ ranks[:-1]) / energy if energy > 0 else 0.0
    if rho <= 1.0 / math.sqrt(n):
        return 0.0
    return min(rho + (1.0 + 3.0 * rho) / n, MAX_AUTOCORRELATION)


def block_length(n: int, rho: float) -> int:
    """Return how many samples a block of the bootstrap holds; 1 for independent samples.

    The length that makes the error of the variance least for a first-order autoregression, at
    most a third of the series: ``(1.5 n)^(1/3) (2 rho / (1 - rho^2))^(2/3)``.

    Source: Kuensch 1989 (doi:10.1214/aos/1176347265); the constant as in Politis & White 2004
    (doi:10.1081/ETC-120028836), eq. 9.
    """
    if rho <= 0.0:
        return 1
    best = math.pow(1.5 * n, 1 / 3) * math.pow(2.0 * rho / (1.0 - rho * rho), 2 / 3)
    return max(1, min(math.ceil(best), n // 3))


def median_ci(samples: Sequence[float], period: int = 1) -> tuple[float, float]:
    """Return a 95 % confidence interval of the median by the moving-block bootstrap.

    Samples taken one after the other are alike, hence their order matters. What is resampled, in
    blocks of neighbours, is the number of samples below the median; how far that scatters is how
    far in ranks the ends of the interval stand from the middle. Blocks of one sample need no
    drawing: the number is then binomial, and the interval the exact one of order statistics. Two
    corrections for short series: Student's t for the number of blocks (Hesterberg 2015,
    doi:10.1080/00031305.2015.1089789, sec. 5), and what blocks of finite length miss of a
    first-order autoregression. The draws are seeded: equal samples give equal intervals.

    Simulated coverage of a first-order autoregression with rho = 0, 0.3, 0.5, 0.8 and 0.9: 96, 96,
    96, 96 and 96 % with 100 samples; 97, 97, 97, 95 and 93 % with 60; 96, 94, 93, 93 and 91 % with
    20.

    Args:
        samples: In the order taken.
        period: Sample ``i`` belongs to input ``i % period``; above 1 the interval is that of the
            median over inputs of their medians, whole rounds of inputs being resampled.

    Returns:
        ``(0.0, inf)`` where samples are too few to bound a positive quantity: fewer than 6, or 6
        rounds, and more where they depend on each other.

    Source: Kuensch 1989 (doi:10.1214/aos/1176347265).
    """
    if period > 1:
        return _median_ci_of_rounds(samples, period)
    n = len(samples)
    rho = rank_autocorrelation(samples)
    length = block_length(n, rho)
    middle = (n + 1) / 2.0
    if length == 1:
        rank = median_ci_rank(n)
    else:
        rank = math.floor(middle - _rank_spread(np.asarray(samples, np.float64), length, rho))
    if rank < 1:
        return 0.0, math.inf
    ordered = sorted(samples)
    return float(ordered[rank - 1]), float(ordered[n - rank])


def median_of(samples: Sequence[float], period: int = 1) -> float:
    """Return the median; with several inputs the median over inputs of their medians."""
    if period == 1:
        return float(np.median(samples))
    return float(np.median([np.median(samples[i::period]) for i in range(period)]))


def relative_half_width(samples: Sequence[float], period: int = 1) -> float:
    """Return half the width of :func:`median_ci` over the median; inf for too few samples."""
    low, high = median_ci(samples, period)
    middle = median_of(samples, period)
    if not math.isfinite(high) or middle <= 0:
        return math.inf
    return (high - low) / 2.0 / middle


def _rank_spread(values: Floats, length: int, rho: float) -> float:
    """Return how many ranks from the middle 95 % of resampled medians lie."""
    n, middle = len(values), float(np.median(values))
    below = (values < middle) + 0.5 * (values == middle)
    total = np.concatenate([[0.0], np.cumsum(below)])
    blocks = total[length:] - total[:-length]
    blocks -= blocks.mean()
    drawn = _draws(n - length + 1, math.ceil(n / length))
    size = drawn.shape[1] * length  # the last block is cut by scaling
    spread = np.sort(np.abs(blocks[drawn].sum(axis=1))) * math.sqrt(n / size)
    place = math.ceil((1.0 - 2.0 * _tail(round(n / length))) * RESAMPLES)
    return float(spread[min(place, RESAMPLES - 1)]) * math.sqrt(_missed(length, rho))


def _median_ci_of_rounds(samples: Sequence[float], period: int) -> tuple[float, float]:
    count = len(samples) // period
    if median_ci_rank(count) == 0:
        return 0.0, math.inf
    rounds = np.asarray(samples[: count * period], np.float64).reshape(count, period)
    relative = rounds / np.median(rounds, axis=0)
    rho = rank_autocorrelation(np.median(relative, axis=1).tolist())
    length = block_length(count, rho)
    drawn = _draws(count - length + 1, math.ceil(count / length))
    index = (drawn[:, :, None] + np.arange(length)).reshape(RESAMPLES, -1)[:, :count]
    medians = np.sort(np.median(np.median(rounds[index], axis=1), axis=1))
    middle = median_of(samples, period)
    widened = math.sqrt(_missed(length, rho))
    place = math.floor(_tail(round(count / length)) * RESAMPLES)
    low, high = (middle + widened * (medians[i] - middle) for i in (place, -1 - place))
    return max(float(low), 0.0), float(high)


def _missed(length: int, rho: float) -> float:
    """Return the variance of an autoregression's mean over what blocks of a length show of it."""
    whole = (1.0 + rho) / (1.0 - rho)
    return whole / (whole - 2.0 * rho * (1.0 - rho**length) / (length * (1.0 - rho) ** 2))


@lru_cache(maxsize=256)
def _draws(starts: int, blocks: int) -> npt.NDArray[np.intp]:
    """Return where the blocks ``(RESAMPLES, blocks)`` of every resample start."""
    return np.random.default_rng([starts, blocks]).integers(starts, size=(RESAMPLES, blocks))


@lru_cache(maxsize=256)
def _tail(blocks: int) -> float:
    """Return the share of resamples beyond either end of the interval.

    That of the normal distribution beyond ``sqrt(k / (k - 1)) t`` with ``k - 1`` degrees of
    freedom for ``k`` blocks.
    """
    k = max(blocks, 3)
    quantile = _t_quantile(k - 1) * math.sqrt(k / (k - 1))
    return NormalDist().cdf(-quantile)


def _t_quantile(freedom: int) -> float:
    """Return Student's t at :data:`CONFIDENCE`, two-sided, within 1 %.

    Source: Abramowitz & Stegun, 26.7.5.
    """
    z = NormalDist().inv_cdf((1.0 + CONFIDENCE) / 2.0)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(sum(term / freedom**power for power, term in enumerate(terms)))


def relative_slope(samples: Sequence[float]) -> float:
    """Return the change per step over the median: the median of all pairwise slopes.

    One disturbed block does not move it. Source: Theil 1950, Sen 1968 (doi:10.2307/2285891).
    """
    values = np.asarray(samples, dtype=np.float64)
    first, second = np.triu_indices(len(values), k=1)
    slopes = (values[second] - values[first]) / (second - first)
    middle = float(np.median(values))
    return float(np.median(slopes)) / middle if middle > 0 else 0.0


def half_drift(samples: Sequence[float]) -> float:
    """Return the median of the second half over that of the first, minus 1; 0 for one sample."""
    half = len(samples) // 2
    if half == 0:
        return 0.0
    return float(np.median(samples[-half:]) / np.median(samples[:half])) - 1.0


def third_drift(samples: Sequence[float]) -> tuple[float, float]:
    """Return the last third's median over the first's, minus 1, and its standard error.

    The error is that of two medians of independent samples which scatter as the samples do within
    their thirds, by the median absolute deviation. Fewer than :data:`MIN_FOR_THIRDS` samples give
    ``(0.0, inf)``.
    """
    if len(samples) < MIN_FOR_THIRDS:
        return 0.0, math.inf
    values = np.asarray(samples, np.float64)
    size = len(values) // 3
    parts = (values[:size], values[size:-size], values[-size:])
    first, _, last = middles = [float(np.median(part)) for part in parts]
    away = [np.abs(part - mid) / mid for part, mid in zip(parts, middles, strict=True)]
    spread = _MAD_TO_SD * float(np.median(np.concatenate(away)))
    return last / first - 1.0, spread * math.sqrt(2.0 * _MEDIAN_VARIANCE / size)
