"""The numbers of guided anchoring's losses."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import TrainingError


@dataclass(frozen=True, slots=True)
class GuidedLossConfig:
    """Numbers of regions, assignment, sampling and losses.

    The values are mmdetection's; where no other file is named,
    ``configs/guided_anchoring/ga-faster-rcnn_r50-caffe_fpn_1x_coco.py``.

    Attributes:
        center_ratio: Part of an object's sides within which its cells are positive.
        ignore_ratio: Part of an object's sides within which other cells do not count.
        negative_weight: Of all other cells in the location loss
            (``mmdet/models/dense_heads/guided_anchor_head.py``).
        location_share: The location loss is a sum over this part of all cells (1 / 200 ibid.).
        focal_alpha: Weight of positive cells (RetinaNet, eq. 5).
        focal_gamma: Exponent that turns easy cells down (RetinaNet, eq. 5).
        positive_iou: Anchors at least this close to an object are positive.
        negative_iou: Anchors less close to every object are negative.
        least_iou: An object's closest anchors are positive from here on.
        samples: Anchors per image in the losses of shape, class and box.
        positive_fraction: Of them at most this part positive.
        shape_beta: Where the bounded IoU loss turns linear.
        box_beta: Error, in regression units, where the smooth L1 loss turns linear.

    Raises:
        TrainingError: A number lies outside of its range.
    """

    center_ratio: float = 0.2
    ignore_ratio: float = 0.5
    negative_weight: float = 0.1
    location_share: float = 1 / 200
    focal_alpha: float = 0.25
    focal_gamma: float = 2.0
    positive_iou: float = 0.7
    negative_iou: float = 0.3
    least_iou: float = 0.3
    samples: int = 256
    positive_fraction: float = 0.5
    shape_beta: float = 0.2
    box_beta: float = 1.0

    def __post_init__(self) -> None:
        for name in _FRACTIONS:
            if not 0 <= getattr(self, name) <= 1:
                raise TrainingError(f"{name} must lie in 0..1, got {getattr(self, name)}")
        for name in ("samples", "location_share", "shape_beta", "box_beta"):
            if not getattr(self, name) > 0:
                raise TrainingError(f"{name} must be above 0, got {getattr(self, name)}")
        for low, high in (("center_ratio", "ignore_ratio"), ("negative_iou", "positive_iou")):
            if getattr(self, low) > getattr(self, high):
                raise TrainingError(
                    f"{low} must be at most {high}, got {getattr(self, low)} and "
                    f"{getattr(self, high)}"
                )


_FRACTIONS = tuple(
    name
    for name in GuidedLossConfig.__slots__
    if name.endswith(("ratio", "iou", "fraction", "share", "alpha", "weight"))
)
