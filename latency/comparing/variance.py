"""Variances of many series of which each has too few values to tell its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
RESOLUTION = 1e-4  # no latency is known better than to a ten-thousandth
ENOUGH = 10
"""Degrees of freedom from which on scatter is believed where it is below an assumption."""

_MAD_TO_SD = 1.482602218505602  # of a normal distribution
TAIL = 0.9  # so that one value in ten may have changed without being taken for scatter
_TAIL_OF_NORMAL = 1.6448536269514722  # that quantile of its absolute values
_ROUNDS, _HUBER_K = 10, 1.345  # 95 % efficiency on normal errors
_RCOND = 1e-6  # singular values below this share of the largest count as none
_MIN_LEFT = 0.1  # share of a value's variance that a fit must leave for its residual to tell
_MAD_EFFICIENCY = 0.37  # of it as a measure of spread, against the standard deviation


@dataclass(frozen=True, slots=True)
class Tested:
    """Hold variances and how well they are known.

    Attributes:
        of_ratio: ``(n,)`` variances.
        freedom: ``(n,)`` degrees of freedom for Student's t; infinite where they are known.
    """

    of_ratio: Floats
    freedom: Floats


def moderated(squares: Floats, freedom: Floats) -> Tested:
    """Return variances drawn towards what all series have in common.

    Args:
        squares: ``(n,)`` sums of squares about the means.
        freedom: ``(n,)`` degrees of freedom, 0 for a series that tells nothing; not all are 0.

    Source: Smyth 2004 (doi:10.2202/1544-6115.1027), eq. 4 and sec. 6.2.
    """
    telling = freedom > 0
    least = freedom * RESOLUTION**2
    prior, prior_freedom = _prior(
        np.maximum(squares, least)[telling] / freedom[telling], freedom[telling]
    )
    if math.isinf(prior_freedom):
        return Tested(np.full(len(squares), prior), np.full(len(squares), np.inf))
    total = prior_freedom + freedom
    if not prior_freedom and not telling.all():  # one series speaks for all
        total = np.where(telling, total, freedom[telling].sum())
        prior_freedom = float(freedom[telling].sum())
        weights = np.where(telling, 0.0, prior_freedom)
    else:
        weights = np.full(len(squares), prior_freedom)
    return Tested((weights * prior + np.maximum(squares, least)) / total, total)


def from_scatter(residuals: Floats, freedom: float, own: Floats, least: Floats) -> Tested:
    """Return variances of single values: their own, and one more that all share.

    The shared one is what the residuals scatter by beyond their own: by the median absolute
    deviation, or by the :data:`TAIL` quantile where that is more, since single values have heavy
    tails. With fewer than :data:`ENOUGH` degrees of freedom it is at least as assumed.

    Args:
        residuals: ``(n,)`` log ratios without what explains them, at full variance.
        freedom: Degrees of freedom of the residuals.
        own: ``(n,)`` variances by samples.
        least: ``(n,)`` assumed variances beyond them.
    """
    if freedom < 1:
        return Tested(np.maximum(own + least, RESOLUTION**2), np.full(len(own), np.inf))
    middle, tail = np.quantile(np.abs(residuals), [0.5, TAIL])
    spread = max(_MAD_TO_SD * float(middle), float(tail) / _TAIL_OF_NORMAL)
    shared = spread**2 - float(np.median(own))
    floor = least if freedom < ENOUGH else np.zeros(len(own))
    variances = np.maximum(own + np.maximum(floor, shared), RESOLUTION**2)
    return Tested(variances, np.full(len(own), max(1.0, _MAD_EFFICIENCY * freedom)))


def unexplained(values: Floats, design: Floats) -> tuple[Floats, float]:
    """Return what a robust linear fit leaves of values, and its degrees of freedom.

    Residuals are enlarged to the variance of the values themselves, which a fit shrinks; those
    that the fit follows wholly say nothing and are left out.

    Args:
        values: ``(n,)``.
        design: ``(n, k)``; columns may depend on each other.

    Source: Huber 1964 (doi:10.1214/aoms/1177703732), by reweighting.
    """
    weights = np.ones(len(values))
    for _ in range(_ROUNDS):
        root = np.sqrt(weights)[:, None]
        projector = np.linalg.pinv(design * root, rcond=_RCOND) * root.T
        residuals = values - design @ (projector @ values)
        spread = _MAD_TO_SD * float(np.median(np.abs(residuals))) + RESOLUTION**2
        weights = np.minimum(1.0, _HUBER_K * spread / np.maximum(np.abs(residuals), spread))
    left = 1.0 - np.einsum("ij,ji->i", design, projector)
    telling = left > _MIN_LEFT
    return residuals[telling] / np.sqrt(left[telling]), float(len(values) - design.shape[1])


def _prior(variances: Floats, freedom: Floats) -> tuple[float, float]:
    """Fit a scaled F distribution to sample variances: its scale and degrees of freedom.

    By the moments of their logarithms (Smyth 2004, sec. 6.2).
    """
    from scipy.special import digamma, polygamma

    logs = np.log(variances) - digamma(freedom / 2) + np.log(freedom / 2)
    middle = float(logs.mean())
    if len(logs) < 2:
        return float(variances[0]), 0.0
    excess = float(logs.var(ddof=1) - polygamma(1, freedom / 2).mean())
    if excess <= 0:
        return math.exp(middle), math.inf
    prior_freedom = 2 * _inverse_trigamma(excess)
    scale = middle + float(digamma(prior_freedom / 2)) - math.log(prior_freedom / 2)
    return math.exp(scale), prior_freedom


def _inverse_trigamma(value: float) -> float:
    """Return where the trigamma function, which falls from infinity to 0, takes a value."""
    from scipy.special import polygamma

    trigamma = partial(polygamma, 1)
    low, high = 1e-6, 1e8
    for _ in range(100):  # halves the logarithm of the bracket, down to rounding
        middle = math.sqrt(low * high)
        low, high = (middle, high) if float(trigamma(middle)) > value else (low, middle)
    return math.sqrt(low * high)
