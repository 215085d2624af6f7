"""What is left between summed module costs and whole detectors.

The left-out residuals of calibration detectors give prediction intervals
(:mod:`latency.conformal`). The costs themselves are fitted in :mod:`latency.joint`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..conformal import conformal_quantile

Floats = npt.NDArray[np.float64]
JOINT = "joint"
MODELS = ("identity", "scale", "affine")
"""What predictors of earlier versions, and of modules alone, correct sums by."""


@dataclass(frozen=True, slots=True)
class Closure:
    """Correct a sum of module costs to a whole detector's latency.

    Attributes:
        model: One of :data:`MODELS`, or :data:`JOINT`: the sums are whole as they are.
        scale: ``a`` in t = a s + b.
        offset_ms: ``b`` in t = a s + b.
        residuals: Relative errors measured / predicted - 1 of calibration detectors, each
            predicted by the model fitted on the others; one for every replicate, so that the
            machine's own drift is in them; sorted. Of :data:`JOINT` in standard deviations of the
            prediction instead of shares of it.
        detectors: How many detectors the residuals are of.
    """

    model: str
    scale: float
    offset_ms: float
    residuals: tuple[float, ...]
    detectors: int

    def apply(self, sums_ms: Floats) -> Floats:
        """Return corrected latencies ``(n,)`` of sums ``(n,)``."""
        return self.scale * sums_ms + self.offset_ms

    def margin(self, confidence: float) -> float:
        """Return the relative half width of the two-sided interval."""
        return conformal_quantile(np.sort(np.abs(self.residuals)), confidence)

    def upper_margin(self, confidence: float) -> float:
        """Return the relative margin that the latency stays below with the given confidence."""
        return conformal_quantile(np.asarray(self.residuals), confidence)

    @property
    def max_confidence(self) -> float:
        """Return the largest confidence that so many detectors support: n / (n + 1)."""
        return self.detectors / (self.detectors + 1)
