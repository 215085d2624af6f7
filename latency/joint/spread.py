"""Choose how far costs may depart from the rates: the spread that makes measurements likely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
import numpy.typing as npt

from .covariance import Spread, Terms, noise_of
from .equation import Equation

Floats = npt.NDArray[np.float64]
GRADIENT_STEP = 1e-4  # of finite differences, on logarithms
IMPOSSIBLE = 1e9  # misfit of parameters that give no covariance
STEPS = 30

LEAST = Spread(0.005, 0.5, 0.003, 0.001, 1e-3, 5e-4, 5e-4)
MOST = Spread(1.0, 30.0, 0.5, 0.2, 10.0, 0.2, 0.1)
STARTS = (Spread(), Spread(0.1, 5.0, 0.15, 0.03, 0.5, 0.01, 0.01))
"""Where the search may end, and where it begins."""

REACHES = 25
"""Reaches at which the layers' covariance is worked out; between two of them it is interpolated,
which keeps it a covariance. It takes longer than all else, and is asked for thousands of times."""


class SpreadSearch:
    """Search the spread under which measurements are most likely (type II likelihood).

    A quasi-Newton search on logarithms within bounds, from several starts: the likelihood has
    more than one maximum. What does not depend on the measurements' noise is kept from one search
    to the next.

    Source: Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, section 5.4.

    Args:
        terms: Of the equations that will be searched with.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._layers: dict[int, Floats] = {}

    def best(self, equations: Sequence[Equation]) -> Spread:
        """Return the most likely spread.

        Args:
            equations: Those that the terms are of, in their order; doubts may differ.
        """
        from scipy.optimize import minimize

        residuals = np.array([equation.ms for equation in equations]) - self._terms.mean

        def loss(logs: Floats) -> float:
            spread = Spread(*np.exp(logs).tolist())
            covariance = self._terms.covariance(spread, self._layers_at(spread.reach))
            return _misfit(covariance, noise_of(equations, spread), residuals)

        bounds = list(zip(np.log(astuple(LEAST)), np.log(astuple(MOST)), strict=True))
        options = {"maxiter": STEPS, "eps": GRADIENT_STEP}
        found = [
            minimize(loss, np.log(astuple(s)), method="L-BFGS-B", bounds=bounds, options=options)
            for s in STARTS
        ]
        best = min(found, key=lambda result: float(result.fun))
        return Spread(*np.exp(best.x).tolist())

    def _layers_at(self, reach: float) -> Floats:
        """Return the layers' covariance at a reach, interpolated on its logarithm."""
        place = (REACHES - 1) * math.log(reach / LEAST.reach) / math.log(MOST.reach / LEAST.reach)
        low = min(max(int(place), 0), REACHES - 2)
        share = place - low
        return (1 - share) * self._layers_of(low) + share * self._layers_of(low + 1)

    def _layers_of(self, index: int) -> Floats:
        if index not in self._layers:
            reach = LEAST.reach * (MOST.reach / LEAST.reach) ** (index / (REACHES - 1))
            self._layers[index] = self._terms.layers(reach)
        return self._layers[index]


def _misfit(covariance: Floats, noise: Floats, residuals: Floats) -> float:
    """Return the negative log likelihood, less a constant."""
    try:
        root = np.linalg.cholesky(covariance + np.diag(noise))
    except np.linalg.LinAlgError:  # parameters without meaning: as unlikely as can be
        return IMPOSSIBLE
    from scipy.linalg import solve_triangular

    white = solve_triangular(root, residuals, lower=True)
    return float(0.5 * white @ white + np.log(np.diag(root)).sum())
