"""The numbers of the training losses."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import TrainingError

MIN_ROI_SAMPLES = 16


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Numbers of assignment, sampling and losses.

    Attributes:
        rpn_positive_iou: Anchors at least this close to an object are positive (Faster R-CNN,
            sec. 3.1.2), as is each object's closest anchor.
        rpn_negative_iou: Anchors less close to every object are negative.
        rpn_samples: Anchors per image in the RPN's loss.
        rpn_positive_fraction: Of them at most this part positive.
        roi_iou: Proposals at least this close to an object are positive (Fast R-CNN, sec. 2.3).
        roi_samples: Boxes per image in the second stage's loss.
        roi_positive_fraction: Of them at most this part positive.
        retinanet_positive_iou: As for the RPN (RetinaNet, sec. 4).
        retinanet_negative_iou: As for the RPN.
        focal_alpha: Weight of positives (RetinaNet, eq. 5).
        focal_gamma: Exponent that turns easy examples down (RetinaNet, eq. 5).
        box_beta: Error, in regression units, where the smooth L1 loss turns linear.

    Raises:
        TrainingError: A number lies outside of its range.
    """

    rpn_positive_iou: float = 0.7
    rpn_negative_iou: float = 0.3
    rpn_samples: int = 256
    rpn_positive_fraction: float = 0.5
    roi_iou: float = 0.5
    roi_samples: int = 512
    roi_positive_fraction: float = 0.25
    retinanet_positive_iou: float = 0.5
    retinanet_negative_iou: float = 0.4
    focal_alpha: float = 0.25
    focal_gamma: float = 2.0
    box_beta: float = 1 / 9

    def __post_init__(self) -> None:
        for name in ("rpn_samples", "roi_samples"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in self._fractions:
            if not 0 <= getattr(self, name) <= 1:
                raise TrainingError(f"{name} must lie in 0..1, got {getattr(self, name)}")
        for stage in ("rpn", "retinanet"):
            low, high = (getattr(self, f"{stage}_{side}_iou") for side in ("negative", "positive"))
            if low > high:
                raise TrainingError(f"{stage}: negative_iou {low} is above positive_iou {high}")

    @property
    def _fractions(self) -> tuple[str, ...]:
        return tuple(n for n in self.__slots__ if n.endswith(("iou", "fraction", "alpha")))

    def for_proposals(self, proposals: int) -> LossConfig:
        """Return these numbers for a detector of few proposals: at most half of them sampled."""
        few = max(MIN_ROI_SAMPLES, proposals // 2)
        return replace(self, roi_samples=min(self.roi_samples, few))
