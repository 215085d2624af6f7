"""A Gaussian process: the surrogate of few points.

Rasmussen and Williams, "Gaussian Processes for Machine Learning", MIT Press 2006: the posterior is
equations 2.23 and 2.24, the marginal likelihood that chooses the parameters equation 2.30.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .base import Floats, standardised
from .warp import Warp

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_CHOSEN_ON = 150  # points that parameters are chosen on: the cost grows with the cube
STEPS = 30
_STARTS = ((1.0, 1.0, 1e-2), (0.3, 3.0, 1e-3))  # smooth variance, length, noise
_LENGTHS = np.array([0.05, 10.0])
_JITTER = 1e-8  # keeps the factor positive where points coincide


@dataclass(frozen=True, slots=True)
class Parameters:
    """Hold the parameters of the kernel, for standardised features and values.

    Attributes:
        linear: Variance of the straight part: every feature has an effect of its own.
        smooth: Variance of the smooth rest, a Matern kernel of smoothness 5/2.
        length: Of the smooth rest, in square roots of the number of features.
        noise: Variance of a single evaluation around both.
    """

    linear: float
    smooth: float
    length: float
    noise: float


@dataclass(frozen=True, eq=False)
class GaussianProcess:
    """Model values as a straight line in the features, a smooth rest and noise.

    Attributes:
        features: ``(n, d)`` of what was evaluated.
        values: ``(n,)`` of it.
        parameters: Of the kernel; see :func:`choose_parameters`.
    """

    features: Floats
    values: Floats
    parameters: Parameters

    def predict(self, features: Floats, pending: Floats) -> tuple[Floats, Floats]:
        """Return means and standard deviations ``(n,)`` of noise-free values.

        What is pending counts as known at its mean, which changes no mean; the doubt shrinks.
        """
        from scipy.linalg import solve_triangular

        centre, scale = self._scales
        new = (features - centre) / scale
        across = _kernel(self._inputs, new, self.parameters)
        means = self._level[0] + self._level[1] * (across.T @ self._weights)
        prior = _variances(new, self.parameters)
        reduced = solve_triangular(self._factor, across, lower=True, check_finite=False)
        variances = prior - np.square(reduced).sum(axis=0)
        if len(pending):
            variances -= self._told_by(pending, new, reduced)
        floor = 1e-10 * np.maximum(prior, 1.0)
        deviations = self._level[1] * np.sqrt(np.maximum(variances, floor))
        return self._warp.back(means, deviations)

    def _told_by(self, pending: Floats, new: Floats, reduced: Floats) -> Floats:
        """Return by how much the pending points lessen the variances ``(n,)``."""
        from scipy.linalg import cholesky, solve_triangular

        centre, scale = self._scales
        asked = (pending - centre) / scale
        across = _kernel(self._inputs, asked, self.parameters)
        mine = solve_triangular(self._factor, across, lower=True, check_finite=False)
        among = _kernel(asked, asked, self.parameters) - mine.T @ mine
        among[np.diag_indices_from(among)] += self.parameters.noise + _JITTER
        left = _kernel(asked, new, self.parameters) - mine.T @ reduced
        factor = cholesky(among, lower=True, check_finite=False)
        solved = solve_triangular(factor, left, lower=True, check_finite=False)
        return np.asarray(np.square(solved).sum(axis=0))

    @cached_property
    def _scales(self) -> tuple[Floats, Floats]:
        return standardised(self.features)

    @cached_property
    def _warp(self) -> Warp:
        return Warp.of(self.values)

    @cached_property
    def _level(self) -> tuple[float, float]:
        return _level(self._warp.draw_in(self.values))

    @cached_property
    def _inputs(self) -> Floats:
        centre, scale = self._scales
        return np.asarray((self.features - centre) / scale)

    @cached_property
    def _factor(self) -> Floats:
        from scipy.linalg import cholesky

        gram = _kernel(self._inputs, self._inputs, self.parameters)
        gram[np.diag_indices_from(gram)] += self.parameters.noise + _JITTER
        return np.asarray(cholesky(gram, lower=True, check_finite=False))

    @cached_property
    def _weights(self) -> Floats:
        from scipy.linalg import cho_solve

        centred = (self._warp.draw_in(self.values) - self._level[0]) / self._level[1]
        return np.asarray(cho_solve((self._factor, True), centred, check_finite=False))


def choose_parameters(features: Floats, values: Floats) -> Parameters:
    """Choose the parameters that make the values most likely (eq. 2.30).

    Of many points, evenly spread ones are taken. Scikit-learn maximises from fixed starts, so
    that equal points give equal parameters.

    Args:
        features: ``(n, d)``.
        values: ``(n,)``.
    """
    rows = _spread(len(values))
    features, values = features[rows], values[rows]
    centre, scale = standardised(features)
    inputs = (features - centre) / scale
    seen = Warp.of(values).draw_in(values)
    mean, spread = _level(seen)
    targets = (seen - mean) / spread
    unit = math.sqrt(features.shape[1])
    fits = [_maximised(inputs, targets, unit, start) for start in _STARTS]
    return max(fits, key=lambda fit: fit[0])[1]


def _level(values: Floats) -> tuple[float, float]:
    """Return mean and standard deviation; the latter of equal values is 1."""
    spread = float(values.std())
    return float(values.mean()), spread if spread > 0.0 else 1.0


def _spread(count: int) -> NDArray[np.int64]:
    """Return the rows that parameters are chosen on."""
    most = min(count, MOST_CHOSEN_ON)
    return np.unique(np.linspace(0, count - 1, most).astype(np.int64))


def _maximised(
    inputs: Floats, targets: Floats, unit: float, start: tuple[float, float, float]
) -> tuple[float, Parameters]:
    """Return the best likelihood reached from a start, and its parameters."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor

    kernel = _sklearn_kernel(inputs.shape[1], unit, start)
    process: Any = GaussianProcessRegressor(kernel, alpha=_JITTER, optimizer=_climb)
    with warnings.catch_warnings():
        # a parameter at its bound is an answer here
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(inputs, targets)
    straight, smooth = process.kernel_.k1.k1, process.kernel_.k1.k2
    found = Parameters(
        linear=float(straight.k1.constant_value) * inputs.shape[1],
        smooth=float(smooth.k1.constant_value),
        length=float(smooth.k2.length_scale) / unit,
        noise=float(process.kernel_.k2.noise_level),
    )
    return float(process.log_marginal_likelihood_value_), found


def _sklearn_kernel(width: int, unit: float, start: tuple[float, float, float]) -> Any:
    from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern, WhiteKernel

    smooth, length, noise = start
    straight = ConstantKernel(1.0 / width, (1e-5 / width, 1e2 / width))
    return (
        straight * DotProduct(0.0, "fixed")
        + ConstantKernel(smooth, (1e-4, 1e2)) * Matern(length * unit, _LENGTHS * unit, nu=2.5)
        + WhiteKernel(noise, (1e-6, 1.0))
    )


def _climb(function: Any, start: Floats, bounds: Floats) -> tuple[Floats, float]:
    """Maximise as scikit-learn does, in a bounded number of steps."""
    from scipy.optimize import minimize

    found = minimize(
        function, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": STEPS}
    )
    return found.x, found.fun


def _kernel(a: Floats, b: Floats, parameters: Parameters) -> Floats:
    """Return the covariances ``(n, m)`` of noise-free values at ``(n, d)`` and ``(m, d)``."""
    from scipy.spatial.distance import cdist

    width = a.shape[1]
    far = cdist(a, b) * (math.sqrt(5.0 / width) / parameters.length)
    smooth = (1.0 + far + far * far / 3.0) * np.exp(-far)  # Matern 5/2, eq. 4.17
    covariances: Floats = parameters.linear / width * (a @ b.T) + parameters.smooth * smooth
    return covariances


def _variances(a: Floats, parameters: Parameters) -> Floats:
    """Return the variances ``(n,)`` of noise-free values before anything is known."""
    straight = parameters.linear / a.shape[1] * np.square(a).sum(axis=1)
    return np.asarray(straight + parameters.smooth)
