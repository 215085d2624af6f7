"""Do two detectors find the same things? Parity as matched sets, not by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import MetricError
from .detections import ImageDetections
from .groups import MatchGroup, add_groups, count_groups
from .match_report import MatchReport, Orphan, add_matches, worst
from .overlap import FloatArray, box_iou


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
    counts = np.maximum(a.scores[rows_a], b.scores[rows_b]) >= options.score_floor
    score_diffs = np.abs(a.scores[rows_a] - b.scores[rows_b])[counts]
    of_a, of_b = _side("a", a, b, rows_a, options), _side("b", b, a, rows_b, options)
    orphans = (*of_a.orphans, *of_b.orphans)
    return MatchReport(
        n_images=1,
        n_a=of_a.needed,
        n_b=of_b.needed,
        matched_a=of_a.matched,
        matched_b=of_b.matched,
        excused=of_a.excused + of_b.excused,
        max_score_diff=float(score_diffs.max(initial=0.0)),
        min_iou=float(ious[counts].min(initial=1.0)),
        n_orphans=len(orphans),
        orphans=worst(orphans),
        mask_ious=_mask_ious(a, rows_a[counts], b, rows_b[counts]),
        n_pairs=int(counts.sum()),
        iou_sum=float(ious[counts].sum()),
        score_diff_sum=float(score_diffs.sum()),
        groups=add_groups((*of_a.groups, *of_b.groups)),
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
    return add_matches(reports)


@dataclass(frozen=True, slots=True)
class _Side:
    """Count the detections of one side; the names are those of `MatchReport`."""

    needed: int
    matched: int
    excused: int
    orphans: tuple[Orphan, ...]
    groups: tuple[MatchGroup, ...]


def _side(
    name: str,
    mine: ImageDetections,
    other: ImageDetections,
    rows: npt.NDArray[np.int64],
    options: MatchOptions,
) -> _Side:
    """Count one side's detections, of which ``rows`` have a partner on the other."""
    paired = np.zeros(len(mine), np.bool_)
    paired[rows] = True
    above = mine.scores >= options.score_floor
    excused = above & ~paired & _at_cut_off(mine, other, options)
    orphans = np.flatnonzero(above & ~paired & ~excused)
    return _Side(
        needed=int(above.sum() - excused.sum()),
        matched=int((above & paired).sum()),
        excused=int(excused.sum()),
        orphans=tuple(_orphan(mine, name, row) for row in orphans.tolist()),
        groups=count_groups(mine, above & ~excused, above & paired),
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
