"""Intervals from scores of what was left out, whatever predicted it.

Leave-one-out conformal prediction, after Barber et al., "Predictive inference with the
jackknife+", Annals of Statistics 2021, doi:10.1214/20-AOS1965.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .errors import PredictorError


def conformal_quantile(ordered: npt.NDArray[np.float64], confidence: float) -> float:
    """Return the ceil((n + 1) c)-th smallest score; the largest where n is too small for c.

    Args:
        ordered: Scores ``(n,)``, sorted.
        confidence: c, the share of new scores that are to be no larger.

    Raises:
        PredictorError: The confidence is none.
    """
    if not 0 < confidence < 1:
        raise PredictorError(f"confidence must lie between 0 and 1, got {confidence}")
    rank = math.ceil((len(ordered) + 1) * confidence)
    return float(ordered[min(rank, len(ordered)) - 1])
