"""How far two boxes cover each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LEAST_SIDE_PX = 0.01  # of boxes without area, when they are compared with each other

FloatArray = npt.NDArray[np.float64]


def box_iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the IoU (n, m) of boxes (n, 4) with boxes (m, 4), xyxy.

    Two boxes without area, such as those that lie wholly in the padding and are clipped to the
    image's border, are compared as if every side had at least 0.01 pixels.
    """
    iou, union = _iou_and_union(a, b)
    thin, _ = _iou_and_union(_thickened(a), _thickened(b))
    result: FloatArray = np.where(union > 0, iou, thin)
    return result


def _iou_and_union(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    near = np.maximum(a[:, None, :2], b[None, :, :2])
    far = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.clip(far - near, 0, None).prod(axis=2)
    area_a = np.clip(a[:, 2:] - a[:, :2], 0, None).prod(axis=1)
    area_b = np.clip(b[:, 2:] - b[:, :2], 0, None).prod(axis=1)
    union = area_a[:, None] + area_b[None, :] - overlap
    return overlap / np.where(union > 0, union, 1.0), union


def _thickened(boxes: FloatArray) -> FloatArray:
    return np.concatenate(
        [boxes[:, :2], np.maximum(boxes[:, 2:], boxes[:, :2] + LEAST_SIDE_PX)], axis=1
    )
