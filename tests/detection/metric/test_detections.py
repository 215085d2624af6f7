from typing import Any

import numpy as np
import pytest

from detection.errors import MetricError
from detection.metric.detections import ImageDetections


def test_anything_array_like_is_converted() -> None:
    item: Any = ImageDetections(3, [[0, 1, 2, 3]], [0.5], [7])  # type: ignore[arg-type]
    assert (item.boxes.dtype, item.scores.dtype, item.category_ids.dtype) == (
        np.float64,
        np.float64,
        np.int64,
    )
    assert len(item) == 1


def test_nothing_found() -> None:
    item = ImageDetections(3, [], [], [])  # type: ignore[arg-type]
    assert len(item) == 0
    assert item.boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("boxes", "scores", "categories", "message"),
    [
        ([[0, 1, 2, 3]], [0.5, 0.4], [1], r"image 3: expected .*got \(1, 4\), \(2,\) and \(1,\)"),
        ([0, 1, 2, 3], [0.5], [1], "image 3: expected"),
        ([[0, 1, 2]], [0.5], [1], "image 3: expected"),
        ([[0, 1, 2, 3]], [0.5], [[1]], "image 3: expected"),
        ([[0, 1, 2, np.nan]], [0.5], [1], "image 3: a box or score is not finite"),
        ([[0, 1, 2, 3]], [np.inf], [1], "image 3: a box or score is not finite"),
        ([[0, 1, 2, 3]], [0.5], [1.0], "image 3: category_ids must be integers"),
    ],
)
def test_wrong_arrays(boxes: Any, scores: Any, categories: Any, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        ImageDetections(3, boxes, scores, categories)


def test_every_detection_has_a_mask_or_none_has() -> None:
    mask = {"size": [2, 2], "counts": "4"}
    assert ImageDetections(1, [[0, 0, 1, 1]], [0.5], [1], (mask,)).masks == (mask,)  # type: ignore[arg-type]
    with pytest.raises(MetricError, match="expected a mask of each of 1 detections, got 2"):
        ImageDetections(1, [[0, 0, 1, 1]], [0.5], [1], (mask, mask))  # type: ignore[arg-type]
