"""AP with weighted images, for many weightings at once: what a bootstrap over images asks for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import MetricError
from .image_matches import AREAS, IOUS, RECALLS, ImageMatches, Ranking

AP_NAMES = ("ap", "ap50", "ap75", "ap_s", "ap_m", "ap_l")
"""The columns of `weighted_ap`: those of `CocoReport` that are average precisions."""

CHUNK_NUMBERS = 400_000
"""Numbers of a chunk's largest array, so that it stays in the processor's caches."""

Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.int64]


def weighted_ap(matches: ImageMatches, weights: Weights) -> Floats:
    """Return AP as if image i were in the data set ``weights[b, i]`` times.

    With all weights 1 these are pycocotools' numbers; with other weights they are its numbers on
    a data set with so many copies of each image. Detections are ranked once: copies of one
    detection stand together, so that tied scores within one image keep their order too.

    Args:
        matches: Of m images.
        weights: (b, m) whole numbers >= 0.

    Returns:
        (b, 6) in the order of `AP_NAMES`, each 0..1, NaN where no object is to be found.

    Raises:
        MetricError: The weights are of other images, negative or no integers.
    """
    weights = np.asarray(weights)
    if weights.ndim != 2 or weights.shape[1] != len(matches):
        raise MetricError(f"weights must be (b, {len(matches)}), got {weights.shape}")
    if weights.dtype.kind not in "iu" or weights.min(initial=0) < 0:
        raise MetricError("weights must be integers >= 0: how often each image counts")
    largest = max((len(ranking.image) for ranking in matches.rankings), default=1)
    step = max(1, CHUNK_NUMBERS // largest)
    parts = [
        _chunk(matches, np.ascontiguousarray(weights[start : start + step].T, np.float64))
        for start in range(0, len(weights), step)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, len(AP_NAMES)))


def _chunk(matches: ImageMatches, weights: Floats) -> Floats:
    """Return (b, 6) for weights (m, b)."""
    objects = matches.objects.reshape(-1, len(matches)) @ weights
    objects = objects.reshape(*matches.objects.shape[:2], -1)
    sums = np.zeros((len(AREAS), len(IOUS), weights.shape[1]))
    for ranking in matches.rankings:
        wanted = objects[ranking.label, ranking.area]
        sums[ranking.area, ranking.iou] += _average_precision(ranking, weights, wanted)
    classes = (objects > 0).sum(axis=0)[:, None]  # those without objects do not count
    ap = np.divide(sums, classes, out=np.full_like(sums, np.nan), where=classes > 0)
    at_50, at_75 = (int(np.argmin(abs(IOUS - iou))) for iou in (0.5, 0.75))
    mean = ap.mean(axis=1)
    return np.stack([mean[0], ap[0, at_50], ap[0, at_75], *mean[1:]], axis=1)


def _average_precision(ranking: Ranking, weights: Floats, wanted: Floats) -> Floats:
    """Return the AP (b,) of one class; 0 where no object is wanted.

    Only hits matter: recall rises nowhere else, and between two hits precision only falls.
    """
    starts = np.concatenate([[0], ranking.hits[:-1] + 1])
    counted = np.add.reduceat(weights[ranking.image], starts, axis=0)  # (k, b)
    found = weights[ranking.image[ranking.hits]]
    for row in range(1, len(starts)):
        counted[row] += counted[row - 1]
        found[row] += found[row - 1]
    precision = found / (counted + np.spacing(1))
    for row in range(len(starts) - 2, -1, -1):
        np.maximum(precision[row], precision[row + 1], out=precision[row])
    recall = np.divide(found, wanted, out=np.zeros_like(found), where=wanted > 0)
    reached = _levels_reached(recall)
    reached[1:] -= reached[:-1].copy()
    average: Floats = (precision * reached).sum(axis=0) / len(RECALLS)
    return average


def _levels_reached(recall: Floats) -> Floats:
    """Return how many of `RECALLS` are at most each recall (k, b)."""
    nearest = np.rint(recall * (len(RECALLS) - 1)).astype(np.intp)
    reached: Floats = nearest.astype(np.float64) + (RECALLS[nearest] <= recall)
    return reached
