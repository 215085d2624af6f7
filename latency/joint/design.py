"""Which measurement to take next: the one that says most about the detectors per second it takes.

The variance of a prediction does not depend on what a measurement will show, so what each would
teach can be worked out before it is taken: this is optimal design for a Gaussian process, with the
mean relative variance of the space's detectors as criterion (V-optimality; Seo et al., "Gaussian
process regression: active data selection and test point rejection", IJCNN 2000, after Cohn 1996).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .costs import JointCosts
from .covariance import noise_of, terms_of
from .equation import Equation
from .modules import modules_of

Floats = npt.NDArray[np.float64]
LEAST_PROGRESS = 0.01  # share of what is still unsure; less is not worth a measurement


def choose_measurements(
    costs: JointCosts,
    candidates: Sequence[Equation],
    seconds: Floats,
    targets: Sequence[Equation],
    weights: Floats,
    count: int,
) -> list[int]:
    """Choose measurements one after another, each as if those before had been taken.

    Args:
        costs: What is known; may have measured candidates already: they may be measured again.
        candidates: What can be measured; their ``ms`` is not looked at.
        seconds: What each takes ``(candidates,)``.
        targets: Detectors that are to be predicted well; their ``ms`` is not looked at.
        weights: How much each counts ``(targets,)``.
        count: How many to choose.

    Returns:
        Indices of candidates, the best first; one may stand there twice.
    """
    cross, own, noise = _posterior(costs, candidates, targets)
    chosen = []
    for _ in range(min(count, len(candidates))):
        gain = (weights @ np.square(cross)) / (np.diag(own) + noise) / seconds
        best = int(np.argmax(gain))
        chosen.append(best)
        share = own[best] / (own[best, best] + noise[best])
        cross = cross - np.outer(cross[:, best], share)
        own = own - np.outer(own[best], share)
    return chosen


def identifying_set(
    costs: JointCosts,
    candidates: Sequence[Equation],
    seconds: Floats,
    modules: Sequence[Equation],
    doubts: Floats,
) -> list[int]:
    """Choose the cheapest measurements that tell what every module costs.

    Greedy: at each step the measurement that takes most variance, per second, from modules that
    are not sure enough yet. That is the usual approximation of a covering problem, and at most a
    logarithm of the number of modules away from the cheapest set (Wolsey 1982).

    Args:
        costs: What is known; may be of no measurement at all.
        candidates: What can be measured.
        seconds: What each takes ``(candidates,)``.
        modules: One equation for each module.
        doubts: Relative standard deviation of each cost that is sure enough ``(modules,)``.

    Returns:
        Indices of candidates in the order chosen, each once; none that would tell next to nothing,
        even where a module stays less sure than asked for.
    """
    cross, own, noise = _posterior(costs, candidates, modules)
    variance = _variance(costs, modules)
    chosen: list[int] = []
    left = np.ones(len(candidates), np.bool_)
    while left.any() and (variance > np.square(doubts)).any():
        taken = np.square(cross) / (np.diag(own) + noise)
        excess = np.maximum(variance - np.square(doubts), 0.0)[:, None]
        removed = np.where(left, np.minimum(taken, excess).sum(0), 0.0)
        best = int(np.argmax(removed / seconds))
        if removed[best] < LEAST_PROGRESS * excess.sum():
            break
        chosen.append(best)
        left[best] = False
        variance = variance - taken[:, best]
        share = own[best] / (own[best, best] + noise[best])
        cross = cross - np.outer(cross[:, best], share)
        own = own - np.outer(own[best], share)
    return chosen


def _variance(costs: JointCosts, asked: Sequence[Equation]) -> Floats:
    """Return the relative variance of graphs' costs given what was measured ``(asked,)``."""
    _, own, _ = _posterior(costs, asked, asked[:1])
    return np.diag(own).copy()


def _posterior(
    costs: JointCosts, candidates: Sequence[Equation], targets: Sequence[Equation]
) -> tuple[Floats, Floats, Floats]:
    """Return relative covariances given what was measured, and the relative noise.

    Returns:
        Of targets with candidates ``(targets, candidates)``, of candidates ``(candidates,
        candidates)``, and the noise of measuring each candidate ``(candidates,)``.
    """
    known = costs.equations
    every = [*known, *targets, *candidates]
    terms = terms_of(every, modules_of(every, costs.basis), costs.rates)
    scale = terms.mean
    covariance = terms.covariance(costs.spread) / np.outer(scale, scale)
    n, first = len(known), len(known) + len(targets)
    noise = noise_of(every, costs.spread) / np.array([equation.ms for equation in every]) ** 2
    inner = covariance[:n, :n] + np.diag(noise[:n])
    left = covariance - covariance[:, :n] @ np.linalg.solve(inner, covariance[:n])
    return left[n:first, first:], left[first:, first:], noise[first:]
