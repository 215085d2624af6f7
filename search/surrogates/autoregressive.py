"""Dear values by cheap ones: a dear value is a scaled cheap one and a difference.

Kennedy and O'Hagan, "Predicting the output from a complex computer code when fast approximations
are available", Biometrika 2000, doi:10.1093/biomet/87.1.1, equation 1; each model is fitted to the
one below, as in Le Gratiet and Garnier, "Recursive co-kriging model for design of computer
experiments with multiple levels of fidelity", International Journal for Uncertainty Quantification
2014, arXiv:1210.0686.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .base import Floats, Surrogate

SURE = 2.0  # standard errors from which on a correlation is taken to be none of chance


@dataclass(frozen=True, eq=False)
class Autoregressive:
    """Model dear values as ``scale`` times what a model says of cheap ones, and a difference.

    Attributes:
        cheap: Of cheap values.
        scale: How much of a cheap value is seen in the dear one.
        difference: Of what is left.
    """

    cheap: Surrogate
    scale: float
    difference: Surrogate

    def predict(self, features: Floats, pending: Floats) -> tuple[Floats, Floats]:
        """Return means and standard deviations ``(n,)``; both doubts count, as if independent."""
        below, doubt = self.cheap.predict(features, pending)
        means, deviations = self.difference.predict(features, pending)
        return self.scale * below + means, np.hypot(self.scale * doubt, deviations)


def scale_of(below: Floats, values: Floats) -> float:
    """Return how much of cheap values ``(n,)`` is seen in dear ones, by least squares.

    0 where the correlation is negative, or within two of its standard errors, ``1 / sqrt(n)``
    where there is none: what may be chance would spoil what the dear values tell.

    Example:
        >>> scale_of(np.arange(5.0), 2 * np.arange(5.0) + 7)
        2.0
    """
    cheap, dear = below - below.mean(), values - values.mean()
    spread, common = float(cheap @ cheap), float(cheap @ dear)
    if common <= 0.0 or common**2 * len(values) <= SURE**2 * spread * float(dear @ dear):
        return 0.0
    return common / spread
