"""COCO's greedy matching of one image's detections of one class, all thresholds at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FALSE, HIT, IGNORED = 0, 1, 2
"""What becomes of a detection: it found nothing, an object, or something that does not count."""

NEARLY_ONE = 1 - 1e-10  # pycocotools' cap, so that equal boxes match at a threshold of 1

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def match_greedily(
    iou: Floats, ignored: Bools, crowd: Bools, thresholds: Floats
) -> npt.NDArray[np.int8]:
    """Give every detection, best score first, the free object that it overlaps most.

    An object that counts goes before one that is to be ignored; of equal overlaps the last one is
    taken. A crowd may be taken many times (pycocotools, ``COCOeval.evaluateImg``).

    Args:
        iou: (d, g) of detections, best score first, with objects.
        ignored: (a, g) whether an object does not count in an area range.
        crowd: (g,) whether an object is a crowd.
        thresholds: (t,) IoU thresholds.

    Returns:
        (a, t, d) `HIT`, `IGNORED` where the object does not count, or `FALSE` without any.
    """
    areas, objects = ignored.shape
    least = np.minimum(thresholds, NEARLY_ONE)
    status = np.full((areas, len(thresholds), len(iou)), FALSE, np.int8)
    free = np.ones((areas, len(thresholds), objects), np.bool_)
    counts = ~ignored[:, None, :]
    for row in np.flatnonzero((iou >= least.min(initial=1.0)).any(axis=1)).tolist():
        allowed = free & (iou[row] >= least[:, None])
        better = allowed & counts
        real = better.any(axis=2)
        pool = np.where(real[:, :, None], better, allowed)
        taken = pool.any(axis=2)
        overlap = np.where(pool, iou[row], -1.0)
        best = objects - 1 - np.argmax(overlap[:, :, ::-1], axis=2)
        area, threshold = np.nonzero(taken)
        free[area, threshold, best[area, threshold]] = crowd[best[area, threshold]]
        status[:, :, row] = np.where(taken, np.where(real, HIT, IGNORED), FALSE)
    return status
