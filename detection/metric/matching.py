"""Do two detectors find the same things? Parity as matched sets, not by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import MetricError
from .detections import ImageDetections
from .groups import MatchGroup, add_groups, count_groups

REPORTED_ORPHANS = 20
LEAST_SIDE_PX = 0.01  # of boxes without area, when they are compared with each other

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MatchOptions:
    """Say when two detections are the same, and which ones need a partner.

    Two lists that are cut off at the D best scores may differ in what stands at the cut although
    nothing differs but the last digit of a score. Two remedies: `score_floor` above the scores
    where the cut falls, or `top_d`, which knows where it falls.

    Attributes:
        iou: Smallest IoU of a pair; both must have the same class.
        score_floor: Detections below need no partner but may be one, so that a pair on both
            sides of the floor is still a pair.
        top_d: Length at which the detector cuts its list. Against a list of that length, an
            unmatched detection whose score does not exceed the lowest one there by more than
            `tie_tolerance` is excused: it may just have fallen off.
        tie_tolerance: Score difference that counts as a tie at the cut.

    Raises:
        MetricError: A field has a value outside of what it allows.
    """

    iou: float = 0.99
    score_floor: float = 0.0
    top_d: int | None = None
    tie_tolerance: float = 1e-4

    def __post_init__(self) -> None:
        if not 0 < self.iou <= 1:
            raise MetricError(f"iou must be 0 < iou <= 1, got {self.iou}")
        if self.top_d is not None and self.top_d < 1:
            raise MetricError(f"top_d must be at least 1, got {self.top_d}")
        if not self.tie_tolerance >= 0:
            raise MetricError(f"tie_tolerance must not be negative, got {self.tie_tolerance}")


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


def match_detections(
    a: ImageDetections, b: ImageDetections, options: MatchOptions | None = None
) -> MatchReport:
    """Match two detection lists of one image.

    The pairing has the most pairs possible; among such pairings, that with the largest sum of
    IoU less score difference (assignment problem per class).

    Raises:
        MetricError: The lists are of different images.
    """
    options = options or MatchOptions()
    if a.image_id != b.image_id:
        raise MetricError(f"detections of image {a.image_id} against those of {b.image_id}")
    rows_a, rows_b, ious = _pairs(a, b, options.iou)
    paired = {"a": np.zeros(len(a), np.bool_), "b": np.zeros(len(b), np.bool_)}
    paired["a"][rows_a], paired["b"][rows_b] = True, True
    floor = options.score_floor
    counts = (a.scores[rows_a] >= floor) | (b.scores[rows_b] >= floor)
    score_diffs = np.abs(a.scores[rows_a] - b.scores[rows_b])[counts]
    needed, matched, excused = {}, {}, 0
    orphans: list[Orphan] = []
    groups: list[MatchGroup] = []
    for side, mine, other in (("a", a, b), ("b", b, a)):
        above = mine.scores >= floor
        lost = above & ~paired[side]
        forgiven = lost & _at_cut_off(mine, other, options)
        excused += int(forgiven.sum())
        needed[side] = int(above.sum() - forgiven.sum())
        matched[side] = int((above & paired[side]).sum())
        groups.extend(count_groups(mine, above & ~forgiven, above & paired[side]))
        orphans.extend(
            _orphan(mine, side, row) for row in np.flatnonzero(lost & ~forgiven).tolist()
        )
    return MatchReport(
        n_images=1,
        n_a=needed["a"],
        n_b=needed["b"],
        matched_a=matched["a"],
        matched_b=matched["b"],
        excused=excused,
        max_score_diff=float(score_diffs.max(initial=0.0)),
        min_iou=float(ious[counts].min(initial=1.0)),
        n_orphans=len(orphans),
        orphans=_worst(orphans),
        mask_ious=_mask_ious(a, rows_a[counts], b, rows_b[counts]),
        n_pairs=int(counts.sum()),
        iou_sum=float(ious[counts].sum()),
        score_diff_sum=float(score_diffs.sum()),
        groups=add_groups(groups),
    )


def match_all(
    a: Sequence[ImageDetections],
    b: Sequence[ImageDetections],
    options: MatchOptions | None = None,
) -> MatchReport:
    """Match two sets of detections image by image and add the reports up.

    Raises:
        MetricError: The sets are not of the same images, or an image occurs twice.
    """
    by_image = {item.image_id: item for item in b}
    ids = [item.image_id for item in a]
    if len(set(ids)) != len(ids) or len(by_image) != len(b) or set(ids) != set(by_image):
        raise MetricError(
            f"the two sets must hold the same images once each, got {len(ids)} and {len(b)} "
            f"entries, {len(set(ids) & set(by_image))} images in common"
        )
    reports = [match_detections(item, by_image[item.image_id], options) for item in a]
    return MatchReport(
        n_images=len(reports),
        n_a=sum(report.n_a for report in reports),
        n_b=sum(report.n_b for report in reports),
        matched_a=sum(report.matched_a for report in reports),
        matched_b=sum(report.matched_b for report in reports),
        excused=sum(report.excused for report in reports),
        max_score_diff=max((report.max_score_diff for report in reports), default=0.0),
        min_iou=min((report.min_iou for report in reports), default=1.0),
        n_orphans=sum(report.n_orphans for report in reports),
        orphans=_worst([orphan for report in reports for orphan in report.orphans]),
        mask_ious=tuple(iou for report in reports for iou in report.mask_ious),
        n_pairs=sum(report.n_pairs for report in reports),
        iou_sum=sum(report.iou_sum for report in reports),
        score_diff_sum=sum(report.score_diff_sum for report in reports),
        groups=add_groups(group for report in reports for group in report.groups),
    )


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


def _pairs(
    a: ImageDetections, b: ImageDetections, least_iou: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], FloatArray]:
    """Return the rows of A, the rows of B and the IoUs of the best pairing."""
    rows_a, rows_b, ious = [], [], []
    for category_id in np.intersect1d(a.category_ids, b.category_ids):
        in_a = np.flatnonzero(a.category_ids == category_id)
        in_b = np.flatnonzero(b.category_ids == category_id)
        iou = box_iou(a.boxes[in_a], b.boxes[in_b])
        score_diff = np.abs(a.scores[in_a][:, None] - b.scores[in_b][None, :])
        row, column = _assign(iou, score_diff, iou >= least_iou)
        rows_a.append(in_a[row])
        rows_b.append(in_b[column])
        ious.append(iou[row, column])
    if not ious:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, np.zeros(0)
    return np.concatenate(rows_a), np.concatenate(rows_b), np.concatenate(ious)


def _assign(
    iou: FloatArray, score_diff: FloatArray, allowed: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the assignment with the most allowed pairs, then the largest sum of gains."""
    from scipy.optimize import linear_sum_assignment

    gain = iou - score_diff / max(1.0, float(score_diff.max(initial=0.0)))  # -1..1
    one_more_pair = 2.0 * min(iou.shape) + 2.0  # exceeds any sum of gains
    row, column = linear_sum_assignment(
        np.where(allowed, one_more_pair + gain, 0.0), maximize=True
    )
    real = allowed[row, column]
    return row[real], column[real]


def _mask_ious(
    a: ImageDetections,
    rows_a: npt.NDArray[np.int64],
    b: ImageDetections,
    rows_b: npt.NDArray[np.int64],
) -> tuple[float, ...]:
    """Return the IoU of each pair's masks; 1 where both are empty."""
    if a.masks is None or b.masks is None:
        return ()
    from pycocotools import mask as coco_mask

    ious = []
    for row_a, row_b in zip(rows_a.tolist(), rows_b.tolist(), strict=True):
        mine, theirs = a.masks[row_a], b.masks[row_b]
        same = mine == theirs
        ious.append(1.0 if same else float(coco_mask.iou([mine], [theirs], [0])[0, 0]))
    return tuple(ious)


def _at_cut_off(
    mine: ImageDetections, other: ImageDetections, options: MatchOptions
) -> npt.NDArray[np.bool_]:
    """Return which detections may just have fallen off the other side's full list."""
    if options.top_d is None or len(other) < options.top_d:
        return np.zeros(len(mine), np.bool_)
    at_cut: npt.NDArray[np.bool_] = mine.scores <= other.scores.min() + options.tie_tolerance
    return at_cut


def _orphan(detections: ImageDetections, side: str, row: int) -> Orphan:
    x1, y1, x2, y2 = detections.boxes[row].tolist()
    category_id, score = int(detections.category_ids[row]), float(detections.scores[row])
    return Orphan(detections.image_id, side, category_id, score, (x1, y1, x2, y2))


def _worst(orphans: list[Orphan]) -> tuple[Orphan, ...]:
    return tuple(sorted(orphans, key=lambda orphan: -orphan.score)[:REPORTED_ORPHANS])
