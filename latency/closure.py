"""Close the gap between summed module costs and whole detectors, and say how large it stays.

The sum of in-context costs is corrected by the simplest of three models that predicts left-out
detectors best: ``identity`` (t = s), ``scale`` (t = a s) or ``affine`` (t = a s + b). The
left-out residuals then give prediction intervals: leave-one-out conformal prediction, after
Barber et al., "Predictive inference with the jackknife+", Annals of Statistics 2021,
doi:10.1214/20-AOS1965. The same residuals choose the model, which costs a little coverage; a
simulation in the tests holds it to what is nominal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .errors import PredictorError

Floats = npt.NDArray[np.float64]
JOINT = "joint"
MODELS = ("identity", "scale", "affine")
HUBER_K, HUBER_ROUNDS = 1.345, 20  # 95 % efficiency on normal errors (Huber 1964)
NORMAL_MAD = 1.4826  # standard deviation of a normal distribution over its MAD
ROUNDING = 1e-12
MIN_DETECTORS = {"identity": 0, "scale": 3, "affine": 5}  # below, a left-one-out fit is guesswork


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


def fit_closure(
    sums_ms: Floats, measured_ms: Floats, replicates_ms: Sequence[Sequence[float]] | None = None
) -> Closure:
    """Choose and fit the closure on calibration detectors.

    Args:
        sums_ms: ``(n,)`` sums of in-context module costs.
        measured_ms: ``(n,)`` measured latencies of the same detectors.
        replicates_ms: For each detector, what its replicates measured; an interval has to hold for
            one more measurement at another time, not only for the mean of several.

    Raises:
        PredictorError: There is no detector, or a number is not positive and finite.
    """
    both = np.concatenate([sums_ms, measured_ms])
    if not len(measured_ms) or not np.all(np.isfinite(both)) or np.any(both <= 0):
        raise PredictorError(
            "closure needs at least one whole detector with positive, finite times; got sums "
            f"{sums_ms.tolist()} and measured {measured_ms.tolist()}; profile with --detectors 16"
        )
    candidates = _candidates(len(measured_ms))
    residuals = {model: _left_out(model, sums_ms, measured_ms) for model in candidates}
    residuals = {
        model: r for model, r in residuals.items() if _is_sound(model, r, sums_ms, measured_ms)
    }
    best = min(residuals, key=lambda model: float(np.mean(np.abs(residuals[model]))))
    scale, offset = _fit(best, sums_ms, measured_ms)
    predicted = measured_ms / (1.0 + residuals[best])
    parts = [[ms] for ms in measured_ms] if replicates_ms is None else replicates_ms
    errors = [ms / p - 1.0 for p, part in zip(predicted, parts, strict=True) for ms in part]
    return Closure(best, scale, offset, tuple(np.sort(errors).tolist()), len(measured_ms))


def _is_sound(model: str, residuals: Floats, sums: Floats, measured: Floats) -> bool:
    """Refuse a model that ranks the slower detector faster, or predicts nothing or less."""
    scale, _ = _fit(model, sums, measured)
    return scale > 0 and bool(np.all(np.isfinite(residuals)) and np.all(residuals > -1))


def _candidates(count: int) -> list[str]:
    return [model for model in MODELS if count >= MIN_DETECTORS[model]]


def _left_out(model: str, sums: Floats, measured: Floats) -> Floats:
    keep = ~np.eye(len(sums), dtype=bool)
    predicted = np.empty(len(sums))
    for index, rest in enumerate(keep):
        scale, offset = _fit(model, sums[rest], measured[rest])
        predicted[index] = scale * sums[index] + offset
    with np.errstate(divide="ignore"):
        return np.asarray(measured / predicted - 1.0)


def _fit(model: str, sums: Floats, measured: Floats) -> tuple[float, float]:
    """Fit to relative errors; Huber's loss, because disturbed measurements are only ever slow."""
    if model == "identity":
        return 1.0, 0.0
    columns = [sums / measured] if model == "scale" else [sums / measured, 1.0 / measured]
    found = _huber(np.stack(columns, axis=1))
    return float(found[0]), float(found[1]) if model == "affine" else 0.0


def _huber(design: Floats) -> Floats:
    """Solve ``design @ x = 1`` by iteratively reweighted least squares (Huber 1964)."""
    weights = np.ones(len(design))
    for _ in range(HUBER_ROUNDS):
        root = np.sqrt(weights)
        found, *_ = np.linalg.lstsq(design * root[:, None], root, rcond=None)
        errors = np.abs(1.0 - design @ found)
        spread = NORMAL_MAD * float(np.median(errors)) + ROUNDING
        weights = np.minimum(1.0, HUBER_K * spread / np.maximum(errors, ROUNDING))
    return np.asarray(found)


def conformal_quantile(ordered: Floats, confidence: float) -> float:
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
