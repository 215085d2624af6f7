"""What a detector found in one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.rle import Rle
from ..errors import MetricError


@dataclass(frozen=True, slots=True, eq=False)
class ImageDetections:
    """Hold the detections of one image.

    Anything that NumPy can turn into arrays is accepted and converted.

    Attributes:
        image_id: The image's id in the annotation file.
        boxes: (n, 4) float64, xyxy in original pixels.
        scores: (n,) float64.
        category_ids: (n,) int64, ids as in the annotation file.
        masks: n masks of the original image; ``None`` from a detector without masks.

    Raises:
        MetricError: Lengths differ, or a box or score is not finite; the message names the image.
    """

    image_id: int
    boxes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    category_ids: npt.NDArray[np.int64]
    masks: tuple[Rle, ...] | None = None

    def __post_init__(self) -> None:
        boxes = np.asarray(self.boxes, np.float64)
        boxes = boxes.reshape(-1, 4) if boxes.size == 0 else boxes
        scores = np.asarray(self.scores, np.float64)
        category_ids = np.asarray(self.category_ids)
        shapes = (boxes.shape, scores.shape, category_ids.shape)
        count = len(boxes)
        if shapes != ((count, 4), (count,), (count,)):
            raise MetricError(
                f"image {self.image_id}: expected (n, 4) boxes, (n,) scores and category_ids, "
                f"got {shapes[0]}, {shapes[1]} and {shapes[2]}"
            )
        if self.masks is not None and len(self.masks) != count:
            raise MetricError(
                f"image {self.image_id}: expected a mask of each of {count} detections, got "
                f"{len(self.masks)}"
            )
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise MetricError(f"image {self.image_id}: a box or score is not finite")
        if count and not np.issubdtype(category_ids.dtype, np.integer):
            raise MetricError(
                f"image {self.image_id}: category_ids must be integers, got {category_ids.dtype}"
            )
        values: tuple[tuple[str, Any], ...] = (
            ("boxes", boxes),
            ("scores", scores),
            ("category_ids", category_ids.astype(np.int64)),
        )
        for name, value in values:
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.scores)
