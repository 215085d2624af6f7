"""How much a candidate is expected to add to a front of two objectives, one of them known.

The cost of a candidate is exact, its other objective a normal variable Y. With the front's
attainment ``f(t)``, the best of Y's objective among points that cost at most ``t``, the candidate
at cost ``c`` adds the area between ``f`` and ``Y`` to the right of ``c``, up to the reference:

    HVI(c, Y) = integral from c to r of max(0, f(t) - Y) dt

``f`` is constant between the costs of the front, so that the expectation is a sum over strips of
width ``w_j`` and height ``f_j``, each an expected improvement (Jones, Schonlau, Welch 1998):

    EHVI(c) = sum_j w_j s h((f_j - m) / s),     h(z) = phi(z) + z Phi(z)

This is the exact expected hypervolume improvement of Yang, Emmerich, Deutz, Baeck, "Efficient
computation of expected hypervolume improvement using box decomposition algorithms", Journal of
Global Optimization 2019, doi:10.1007/s10898-019-00798-7, in the limit of one certain objective.

Far from the front it underflows, and all candidates look alike. Its logarithm does not: Ament et
al., "Unexpected improvements to expected improvement for Bayesian optimization", NeurIPS 2023,
arXiv:2310.20708, section 4.1 and appendix A.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .base import Floats

_LOG_2PI = math.log(2.0 * math.pi)
_LOG_PI_OVER_2 = math.log(math.pi / 2.0)
_DIRECT = -1.0  # above it phi(z) + z Phi(z) does not cancel
_ASYMPTOTE = -1e6  # below it the next term of the asymptotic series is less than rounding


def log_improvement(z: npt.ArrayLike) -> Floats:
    """Return log(phi(z) + z Phi(z)): the expected improvement of a standard normal variable.

    Args:
        z: Any shape; how many standard deviations the mean is better than the target.

    Example:
        >>> bool(abs(np.exp(log_improvement(0.0)) - 1 / np.sqrt(2 * np.pi)) < 1e-15)
        True
    """
    from scipy.special import erfcx, ndtr

    z = np.asarray(z, dtype=np.float64)
    result = np.empty_like(z)
    near = z > _DIRECT
    far = z < _ASYMPTOTE
    between = ~near & ~far
    x = z[near]
    result[near] = np.log(np.exp(-0.5 * x * x - 0.5 * _LOG_2PI) + x * ndtr(x))
    x = z[between]
    # log(1 - |z| Phi(z) / phi(z)), with Phi / phi = sqrt(pi / 2) erfcx(-z / sqrt(2))  (eq. 9)
    ratio = np.exp(np.log(erfcx(-x / math.sqrt(2.0)) * np.abs(x)) + 0.5 * _LOG_PI_OVER_2)
    result[between] = -0.5 * x * x - 0.5 * _LOG_2PI + np.log1p(-ratio)
    x = z[far]
    result[far] = -0.5 * x * x - 0.5 * _LOG_2PI - 2.0 * np.log(np.abs(x))
    return result


def strips(front: npt.ArrayLike, reference: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return where the attainment of a front changes, and its value from there on.

    Args:
        front: ``(n, 2)`` costs and values, both minimised; dominated rows add nothing.
        reference: The worst cost and value that count.

    Returns:
        ``(k + 1,)`` borders, from minus infinity to the reference cost, and ``(k,)`` values of
        the strips between them.
    """
    points = np.asarray(front, dtype=np.float64).reshape(-1, 2)
    points = points[(points < np.asarray(reference)).all(axis=1)]
    points = points[np.lexsort((points[:, 1], points[:, 0]))]
    best = np.minimum.accumulate(points[:, 1]) if len(points) else points[:, 1]
    improves = np.r_[True, best[1:] < best[:-1]][: len(best)]
    borders = np.r_[-np.inf, points[improves, 0], reference[0]]
    return borders, np.r_[reference[1], best[improves]]


def log_ehvi(
    costs: npt.ArrayLike,
    means: npt.ArrayLike,
    deviations: npt.ArrayLike,
    front: npt.ArrayLike,
    reference: tuple[float, float],
) -> Floats:
    """Return the logarithm of the expected hypervolume improvement of candidates.

    Args:
        costs: ``(n,)``, exact, minimised.
        means: ``(n,)`` of the other objective, minimised.
        deviations: ``(n,)`` standard deviations of it; 0 where it is certain.
        front: ``(k, 2)`` costs and values of what is known already, both minimised.
        reference: The worst cost and value that count.

    Returns:
        ``(n,)``; minus infinity where nothing can be added.

    Example:
        >>> added = log_ehvi([1.0], [2.0], [0.0], [[2.0, 1.0]], (4.0, 4.0))
        >>> bool(np.isclose(np.exp(added[0]), 2.0))
        True
    """
    costs, means, deviations = (
        np.asarray(each, dtype=np.float64)[:, None] for each in (costs, means, deviations)
    )
    borders, heights = strips(front, reference)
    widths = np.maximum(0.0, borders[1:] - np.maximum(borders[:-1], costs))  # (n, k)
    certain = deviations == 0.0
    scale = np.where(certain, 1.0, deviations)
    uncertain = np.log(scale) + log_improvement((heights - means) / scale)
    with np.errstate(divide="ignore"):
        sure = np.log(np.maximum(0.0, heights - means))
        parts = np.log(widths) + np.where(certain, sure, uncertain)
    return np.asarray(np.logaddexp.reduce(parts, axis=1))
