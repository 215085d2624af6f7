"""The numbers of the training losses."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from ..errors import TrainingError
from .guided_config import GuidedLossConfig

MIN_ROI_SAMPLES = 16
"""Drawn whatever the proposals: objects' own boxes and the whole image are drawn from as well."""


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Numbers of assignment, sampling and losses.

    Attributes:
        rpn_positive_iou: Anchors at least this close to an object are positive (Faster R-CNN,
            sec. 3.1.2), as is each object's closest anchor.
        rpn_negative_iou: Anchors less close to every object are negative.
        rpn_samples: Anchors per image in the RPN's loss.
        rpn_positive_fraction: Of them at most this part positive.
        roi_iou: Proposals at least this close to an object are positive (Fast R-CNN, sec. 2.3);
            0.6 behind guided anchors (mmdetection,
            ``configs/guided_anchoring/ga-faster-rcnn_r50-caffe_fpn_1x_coco.py``). A cascade has
            ``cascade_ious`` instead.
        roi_samples: Boxes per image in the second stage's loss; see also ``for_proposals``.
        roi_positive_fraction: Of them at most this part positive.
        roi_box_beta: As ``box_beta``, for the second stage.
        cascade_ious: ``roi_iou`` of each stage of a cascade (Cascade R-CNN, sec. 4.2). The fourth
            is what its author says of the paper's four stages
            (https://github.com/zhaoweicai/cascade-rcnn/issues/76). That stage's weight, and the
            standard deviations of its boxes (:data:`searchspaces.CASCADE_STDS`), are ours.
        cascade_weights: What the losses of each stage are multiplied by. The first three are
            mmdetection's (``configs/_base_/models/cascade-rcnn_r50_fpn.py``), the fourth is ours:
            half of the third.
        retinanet_positive_iou: As for the RPN (RetinaNet, sec. 4).
        retinanet_negative_iou: As for the RPN.
        focal_alpha: Weight of positives (RetinaNet, eq. 5).
        focal_gamma: Exponent that turns easy examples down (RetinaNet, eq. 5).
        box_beta: Error, in regression units, where the smooth L1 loss turns linear.
        guided: Of an RPN with guided anchors, in place of the ``rpn`` numbers.

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
    roi_box_beta: float = 1 / 9
    cascade_ious: tuple[float, ...] = (0.5, 0.6, 0.7, 0.75)
    cascade_weights: tuple[float, ...] = (1.0, 0.5, 0.25, 0.125)
    retinanet_positive_iou: float = 0.5
    retinanet_negative_iou: float = 0.4
    focal_alpha: float = 0.25
    focal_gamma: float = 2.0
    box_beta: float = 1 / 9
    guided: GuidedLossConfig = field(default_factory=GuidedLossConfig)

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
        for name in ("box_beta", "roi_box_beta"):
            if not 0 < getattr(self, name) < math.inf:
                raise TrainingError(
                    f"{name} must be finite and above 0, got {getattr(self, name)}"
                )
        self._check_cascade()

    def _check_cascade(self) -> None:
        if not self.cascade_ious or len(self.cascade_ious) != len(self.cascade_weights):
            raise TrainingError(
                "cascade_ious and cascade_weights must name the same stages, got "
                f"{self.cascade_ious} and {self.cascade_weights}"
            )
        if not all(0 <= iou <= 1 for iou in self.cascade_ious):
            raise TrainingError(f"cascade_ious must lie in 0..1, got {self.cascade_ious}")
        if not all(0 <= weight < math.inf for weight in self.cascade_weights):
            raise TrainingError(
                f"cascade_weights must be finite and not negative, got {self.cascade_weights}"
            )

    @property
    def _fractions(self) -> tuple[str, ...]:
        return tuple(n for n in self.__slots__ if n.endswith(("iou", "fraction", "alpha")))

    def stage_iou(self, stage: int, stages: int) -> float:
        """Return how close a box must be to an object to be positive in a stage, from 0."""
        return self.cascade_ious[stage] if stages > 1 else self.roi_iou

    def check_stages(self, stages: int) -> None:
        """Check that the numbers name every stage of a cascade.

        Raises:
            TrainingError: There are more stages.
        """
        if stages > len(self.cascade_ious):
            raise TrainingError(
                f"the cascade has {stages} stages but the losses' cascade_ious are "
                f"{self.cascade_ious}; give one IoU and one weight per stage"
            )

    def behind_guided_anchors(self) -> LossConfig:
        """Return these numbers for proposals of guided anchors, which lie closer to the objects.

        Source: mmdetection, ``configs/guided_anchoring/ga-faster-rcnn_r50-caffe_fpn_1x_coco.py``.
        A cascade keeps its own IoUs.
        """
        return replace(self, roi_iou=0.6, roi_samples=256)

    def for_proposals(self, proposals: int) -> LossConfig:
        """Return these numbers for a detector that may propose few boxes: no more are drawn.

        Every image gives as many rows; rows beyond its boxes would be computed and not count.
        The literature's detectors have more proposals than they draw: 512 of 1,000 and, behind
        guided anchors, 256 of 300. Theirs stay as they are.
        """
        few = max(MIN_ROI_SAMPLES, proposals)
        return replace(self, roi_samples=min(self.roi_samples, few))
