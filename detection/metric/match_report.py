"""How far two sets of detections agree, in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .groups import MatchGroup, add_groups

REPORTED_ORPHANS = 20


@dataclass(frozen=True, slots=True)
class Orphan:
    """Name a detection without a partner.

    Attributes:
        image_id: The image's id.
        side: ``"a"`` or ``"b"``: where it was found.
        category_id: Its class.
        score: Its score.
        box: xyxy in original pixels.
    """

    image_id: int
    side: str
    category_id: int
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class MatchReport:
    """Count how far two sets of detections agree.

    Attributes:
        n_images: Images compared.
        n_a: Detections of A that need a partner: at or above the floor, not excused.
        n_b: Those of B.
        matched_a: How many of `n_a` have a partner.
        matched_b: How many of `n_b` have one.
        excused: Unmatched detections of either side at the other side's cut-off.
        max_score_diff: Largest score difference of a pair that counts; 0 without pairs.
        min_iou: Smallest IoU of a pair that counts; 1 without pairs.
        n_orphans: Detections that need a partner and have none.
        orphans: The highest-scoring of them.
        mask_ious: IoU of the masks of each pair that counts; empty where a side has no masks.
        n_pairs: Pairs that count.
        iou_sum: Of the IoUs of their boxes.
        score_diff_sum: Of the differences of their scores.
        groups: What needs a partner and has one, by class and by size, of both sides together.
    """

    n_images: int
    n_a: int
    n_b: int
    matched_a: int
    matched_b: int
    excused: int
    max_score_diff: float
    min_iou: float
    n_orphans: int
    orphans: tuple[Orphan, ...]
    mask_ious: tuple[float, ...] = ()
    n_pairs: int = 0
    iou_sum: float = 0.0
    score_diff_sum: float = 0.0
    groups: tuple[MatchGroup, ...] = ()

    @property
    def mean_iou(self) -> float:
        """Return how well the boxes of pairs agree, 0..1; 1 without pairs."""
        return self.iou_sum / self.n_pairs if self.n_pairs else 1.0

    @property
    def mean_score_diff(self) -> float:
        """Return how far the scores of pairs are apart; 0 without pairs."""
        return self.score_diff_sum / self.n_pairs if self.n_pairs else 0.0

    @property
    def mean_mask_iou(self) -> float:
        """Return how well the masks of pairs agree, 0..1; 1 without masks."""
        return float(np.mean(self.mask_ious)) if self.mask_ious else 1.0

    @property
    def f1(self) -> float:
        """Return matched over needed on both sides, 0..1; 1 if neither side found anything."""
        needed = self.n_a + self.n_b
        return (self.matched_a + self.matched_b) / needed if needed else 1.0

    @property
    def max_orphan_score(self) -> float:
        """Return the highest score without a partner; 0 if all have one."""
        return max((orphan.score for orphan in self.orphans), default=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, derived ones included."""
        derived = {
            "f1": self.f1,
            "max_orphan_score": self.max_orphan_score,
            "mean_iou": self.mean_iou,
            "mean_score_diff": self.mean_score_diff,
            "mean_mask_iou": self.mean_mask_iou,
        }
        return {**asdict(self), **derived}


def add_matches(reports: Sequence[MatchReport]) -> MatchReport:
    """Add the reports of several images up."""
    return MatchReport(
        n_images=sum(report.n_images for report in reports),
        n_a=sum(report.n_a for report in reports),
        n_b=sum(report.n_b for report in reports),
        matched_a=sum(report.matched_a for report in reports),
        matched_b=sum(report.matched_b for report in reports),
        excused=sum(report.excused for report in reports),
        max_score_diff=max((report.max_score_diff for report in reports), default=0.0),
        min_iou=min((report.min_iou for report in reports), default=1.0),
        n_orphans=sum(report.n_orphans for report in reports),
        orphans=worst(orphan for report in reports for orphan in report.orphans),
        mask_ious=tuple(iou for report in reports for iou in report.mask_ious),
        n_pairs=sum(report.n_pairs for report in reports),
        iou_sum=sum(report.iou_sum for report in reports),
        score_diff_sum=sum(report.score_diff_sum for report in reports),
        groups=add_groups(group for report in reports for group in report.groups),
    )


def worst(orphans: Iterable[Orphan]) -> tuple[Orphan, ...]:
    """Return the highest-scoring ones, as many as are reported."""
    return tuple(sorted(orphans, key=lambda orphan: -orphan.score)[:REPORTED_ORPHANS])
