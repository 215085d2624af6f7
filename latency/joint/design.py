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

from .costs import JointCosts, modules_of
from .covariance import noise_of, terms_of
from .equation import Equation

Floats = npt.NDArray[np.float64]


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
