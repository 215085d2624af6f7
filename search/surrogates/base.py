"""What a surrogate does."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Surrogate(Protocol):
    """Predict an objective that is evaluated, with the doubt that is left.

    The result depends on nothing but what the model was made with: no global randomness.
    """

    def predict(self, features: Floats, pending: Floats) -> tuple[Floats, Floats]:
        """Return means and standard deviations ``(n,)`` of what was not evaluated yet.

        Args:
            features: ``(n, d)`` of candidates.
            pending: ``(p, d)`` of what is being evaluated: counts as known, at its mean.
        """
        ...


def standardised(table: Floats) -> tuple[Floats, Floats]:
    """Return mean and scale ``(d,)`` of the columns; the scale of a constant column is 1."""
    scale = table.std(axis=0)
    return table.mean(axis=0), np.where(scale > 1e-12, scale, 1.0)
